"""A queue declared FIFO: how it is made, and what SQS keeps or drops on it."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from dlq_review.models import Arrival, DeadLetter
from dlq_review.pull import puller
from dlq_review.redrive import sender
from processing.delivery import processor
from processing.events.contracts import OrderUpdated
from processing.models import Order
from processing.sqs import publisher, queues
from processing.sqs.provision import ensure_queues
from processing.sqs.topology import UnknownQueueError, declare_fifo
from tests.builders import message, order_created, order_updated, redrive_now
from tests.conftest import make_fifo

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
HIGH_THROUGHPUT = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}


@pytest.fixture
def orders(fifo_orders: None, sqs: None) -> None:
    """The orders queue and its DLQ as FIFO queues, the others as they are."""


def waiting(queue: str = "orders") -> int:
    return queues.depth(queue).visible


def settings_of(names: str) -> subprocess.CompletedProcess[str]:
    """What settings make of FIFO_QUEUES=*names*: the queues' URLs, or an error."""
    asked = "from django.conf import settings; print(*settings.SQS_QUEUE_URLS.values())"
    return subprocess.run(
        [sys.executable, "-c", asked],
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "x",
            "FIFO_QUEUES": names,
        },
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_setting_gives_the_queue_and_its_dlq_their_suffix() -> None:
    names = [url.rpartition("/")[2] for url in settings_of("orders").stdout.split()]
    assert names[:3] == [
        "holdfast-orders.fifo",
        "holdfast-orders-dlq.fifo",
        "holdfast-signups",
    ]


def test_a_queue_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownQueueError, match="'order'; the queues are orders, sig"):
        declare_fifo(["order"])
    assert "FIFO_QUEUES names 'order'" in settings_of("order").stderr


def test_queue_and_dlq_are_made_for_high_throughput(orders: None) -> None:
    for name in ("orders", "orders-dlq"):
        found = queues.client().get_queue_attributes(
            QueueUrl=queues.url(name), AttributeNames=["All"]
        )["Attributes"]
        assert HIGH_THROUGHPUT.items() <= found.items()
    assert ensure_queues(allow_aws=True) == []


def test_another_deduplication_is_reported(orders: None) -> None:
    queues.client().set_queue_attributes(
        QueueUrl=queues.url("orders"), Attributes={"ContentBasedDeduplication": "true"}
    )
    assert ensure_queues(allow_aws=True) == [
        "orders: ContentBasedDeduplication is true, declared is false"
    ]


def test_a_clients_retry_is_dropped_by_sqs(orders: None) -> None:
    event = order_created()
    publisher.publish(event)
    again = order_created(id=event.id, **event.data.model_dump(mode="json"))
    assert again.timestamp != event.timestamp
    publisher.publish(again)
    assert waiting() == 1


def test_events_that_differ_all_arrive(orders: None) -> None:
    first = order_updated(status="paid")
    data = {**first.data.model_dump(), "status": "shipped"}
    other_content = first.model_copy(update={"data": OrderUpdated(**data)})
    other_request = order_updated(status="paid")
    sent = publisher.publish_many([first, other_content, other_request])
    assert all(one.error is None for one in sent)
    assert waiting() == 3


def test_the_messages_of_one_customer_are_one_group(orders: None) -> None:
    publisher.publish(order_created(customer_id="C-1"))
    publisher.publish(order_created(customer_id="C-2"))
    assert {one.group for one in queues.receive("orders")} == {"C-1", "C-2"}


def test_a_body_of_unknown_make_blocks_no_other(orders: None) -> None:
    for body in ("broken", "broken"):
        publisher.send_raw("orders", body)
    first, second = queues.receive("orders")
    assert first.group != second.group


@pytest.mark.parametrize("delay", [0, 60])
def test_a_job_is_sent_to_a_fifo_queue_too(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    delay: int,
) -> None:
    """SQS refuses a message with a delay of its own there, and moto takes it."""
    make_fifo("jobs", settings, monkeypatch)
    request.getfixturevalue("sqs")
    with patch.object(
        queues.sender(), "send_message", wraps=queues.sender().send_message
    ) as sent:
        publisher.send_job("processing.relay", "j-1", {}, delay=delay)
    assert waiting("jobs") == 1
    assert "DelaySeconds" not in sent.call_args.kwargs


def test_a_message_dead_lettered_twice_is_in_the_dlq_once(orders: None) -> None:
    dead = message("broken", group="C-17")
    publisher.dead_letter(dead, {})
    publisher.dead_letter(dead, {})
    (found,) = queues.receive("orders-dlq")
    assert (found.body, found.group) == ("broken", "C-17")


@pytest.mark.django_db
def test_what_is_redriven_at_once_arrives_and_a_resend_of_it_does_not(
    orders: None,
) -> None:
    event = order_created(order_id="ORD-9")
    publisher.publish(event)
    (delivery,) = queues.receive("orders")
    publisher.dead_letter(delivery, {})
    assert puller.pull(["orders-dlq"]).stored == 1

    letter = Arrival.objects.get().letter
    redrive_now(letter, by="ada")
    assert waiting() == 1, "beside the first copy, which is still in flight"
    as_after_a_crash = {"state": "claimed", "redrives": 0, "claimed_at": LONG_AGO}
    DeadLetter.objects.filter(pk=letter.pk).update(**as_after_a_crash)
    assert sender.resend_claimed() == 1
    assert waiting() == 1
    queues.delete("orders", [delivery.receipt_handle])
    (redriven,) = queues.receive("orders")
    processor.handle(redriven)
    assert Order.objects.filter(order_id="ORD-9").exists()
