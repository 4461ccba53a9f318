"""Whatever arrives, the worker lives, neighbours are processed, nothing is lost."""

import json
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from pytest_django import Settings

from processing.models import Attempt, Order
from processing.sqs import publisher, queues
from processing.sqs.message import Message
from tests.builders import order_created
from tests.live import empty, live_system, wait_for
from tests.poison import corpus

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]


def drain(queue: str) -> list[Message]:
    drained: list[Message] = []
    while received := queues.receive(queue, visibility=300):
        drained += received
    return drained


def test_every_poisonous_body_is_dead_lettered_and_no_neighbour_suffers(
    tmp_path: Path, settings: Settings
) -> None:
    poison = corpus()
    assert len(poison) >= 120
    with live_system(tmp_path, settings) as system:
        worker = system.start_worker()
        neighbours = []
        for number, body in enumerate(poison.values()):
            queue = "jobs" if number % 5 == 0 else "orders"
            queues.client().send_message(QueueUrl=queues.url(queue), MessageBody=body)
            neighbours.append(order_created())
        assert all(sent.message_id for sent in publisher.publish_many(neighbours))

        wait_for(lambda: Order.objects.count() == len(neighbours), patience=60)
        for queue in ("orders", "jobs"):
            wait_for(partial(empty, queue))
        dead = drain("orders-dlq") + drain("jobs-dlq")
        assert worker.poll() is None

    assert Counter(one.body for one in dead) == Counter(poison.values())
    unexplained = [one.body[:200] for one in dead if "failure" not in one.attributes]
    assert unexplained == []
    reasons = {json.loads(one.attributes["failure"])["error_type"] for one in dead}
    assert reasons == {
        "UnreadableEventError",
        "UnknownEventTypeError",
        "InvalidEventError",
    }
    assert {order.request_id for order in Order.objects.all()} == {
        event.id for event in neighbours
    }
    assert Attempt.objects.count() == len(poison)
    log = system.log("worker")
    assert "canary" not in log
    assert "forged" not in log
    assert "Traceback" not in log
