"""Orders in, rows out: a real SQS server and a real Celery worker."""

import json

import pytest

from processing.models import Attempt, Order, Outcome, User
from processing.sqs import publisher, queues
from tests import boot
from tests.builders import order_created, order_updated, signup_requested
from tests.live import LiveSystem, empty, wait_for

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

NO_EVENTS = {
    '{"invalid_json": "this will cause a parsing error"': "UnreadableEventError",
    '{"type": "no_such_type", "data": {}}': "UnknownEventTypeError",
    "just a string": "UnreadableEventError",
    '["a", "list"]': "UnreadableEventError",
    '{"type": "FeatureCollection", "properties": {"a": 1}, "features": []}': (
        "UnknownEventTypeError"
    ),
    '{"__type__": "uuid", "__value__": "nonsense"}': "UnreadableEventError",
    '{"body": "W10=", "headers": {"task": "processing.relay", "id": "1"}, '
    '"properties": {"delivery_info": {"routing_key": "x"}}}': "UnreadableEventError",
    "[" * 3000: "UnreadableEventError",
}


def send_raw(body: str, queue: str = "orders") -> None:
    queues.client().send_message(QueueUrl=queues.url(queue), MessageBody=body)


def test_every_message_is_processed_or_dead_lettered_and_the_worker_lives(
    system: LiveSystem,
) -> None:
    worker = system.start_worker()
    twice = order_created()
    publisher.publish(twice)
    publisher.publish(twice)
    neighbours = []
    for body in NO_EVENTS:
        send_raw(body)
        neighbours.append(order_created())
        publisher.publish(neighbours[-1])
    publisher.publish(signup_requested(email="grace@example.com"))
    wait_for(lambda: Outcome.objects.filter(type="email_requested").exists())
    wait_for(lambda: all(empty(name) for name in ("orders", "signups", "emails")))

    assert {order.request_id for order in Order.objects.all()} == {
        event.id for event in [twice, *neighbours]
    }
    assert User.objects.filter(email="grace@example.com").exists()
    dead = queues.receive("orders-dlq")
    found = {
        one.body: json.loads(one.attributes["failure"])["error_type"] for one in dead
    }
    assert found == NO_EVENTS
    assert worker.poll() is None


def test_an_update_before_its_order_is_processed_once_the_order_is_there(
    system: LiveSystem,
) -> None:
    system.start_worker()
    update = order_updated(order_id="ORD-9", changed_at="2025-01-01T00:00:00+00:00")
    publisher.publish(update)
    wait_for(Attempt.objects.exists)
    publisher.publish(order_created(order_id="ORD-9"))
    wait_for(lambda: Order.objects.filter(status="paid").exists())
    assert empty("orders-dlq")


def test_what_fails_every_time_is_in_the_dlq_after_three_receives(
    system: LiveSystem,
) -> None:
    system.start_worker()
    event = order_updated(order_id="ORD-never")
    publisher.publish(event)
    wait_for(lambda: queues.depth("orders-dlq").visible == 1)
    assert [one.receive_count for one in Attempt.objects.all()] == [3, 2, 1]
    (dead,) = queues.receive("orders-dlq")
    assert dead.body == event.body


def test_a_worker_killed_while_it_works_loses_nothing(system: LiveSystem) -> None:
    events = [order_created() for _ in range(60)]
    assert all(result.message_id for result in publisher.publish_many(events))
    worker = system.start_worker(**boot.environment(VISIBILITY="2"))
    wait_for(Order.objects.exists)
    system.kill(worker)
    system.start_worker("second")
    wait_for(lambda: Order.objects.count() == len(events))
    wait_for(lambda: empty("orders"))
    assert {order.request_id for order in Order.objects.all()} == {
        one.id for one in events
    }
    assert empty("orders-dlq")


def test_a_job_runs_only_by_a_name_of_ours(system: LiveSystem) -> None:
    worker = system.start_worker()
    for name in ("processing.handle", "celery.backend_cleanup", "os.system", 7, None):
        send_raw(json.dumps({"id": "j", "job": name, "arguments": {}}), queue="jobs")
    publisher.send_job("processing.relay", "j-1", {})
    wait_for(lambda: queues.depth("jobs-dlq").visible == 5)
    wait_for(lambda: empty("jobs"))
    assert worker.poll() is None
