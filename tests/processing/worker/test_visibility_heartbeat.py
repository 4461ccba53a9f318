"""Whatever a worker holds stays its own, whatever SQS says of the rest."""

from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError
from django.utils import timezone

from processing.events.envelope import Event
from processing.sqs import publisher, queues
from processing.sqs.message import Message
from processing.worker import visibility_heartbeat
from processing.worker.bundles import Bundle
from processing.worker.transport import Channel
from tests.builders import order_created, signup_requested

LATER = 30  # seconds


def received(*events: Event) -> list[Message]:
    """*events* as a worker holds them, each queue's in turn."""
    publisher.publish_many(events)
    held: list[Message] = []
    for queue in dict.fromkeys(event.queue for event in events):
        while messages := queues.receive(queue, visibility=LATER // 2):
            held += messages
    return held


def seen_later(queue: str) -> int:
    """How many of *queue* SQS would give to another worker after a while."""
    with time_machine.travel(timezone.now().timestamp() + LATER):
        return queues.depth(queue).visible


def refusing(monkeypatch: pytest.MonkeyPatch, queue: str, times: int = 99) -> None:
    """SQS refuses the first *times* calls that extend messages of *queue*."""
    sender = queues.sender()
    extend = sender.change_message_visibility_batch
    left = [times]

    def refuse(**call: Any) -> Any:
        if call["QueueUrl"] == queues.url(queue) and left[0]:
            left[0] -= 1
            told: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(told, "ChangeMessageVisibilityBatch")
        return extend(**call)

    monkeypatch.setattr(sender, "change_message_visibility_batch", refuse)


def test_a_heartbeat_extends_all_of_twenty_three_messages(sqs: None) -> None:
    held = received(*(order_created() for _ in range(23)))
    assert len(held) == 23
    assert seen_later("orders") == 23
    assert visibility_heartbeat.extend(held) == set()
    assert seen_later("orders") == 0


def test_a_heartbeat_extends_what_waits_in_the_pool(
    sqs: None, channel: Channel
) -> None:
    held = received(*(order_created() for _ in range(12)))
    channel.connection._callbacks["orders"] = lambda raw: channel.qos.append(
        channel.Message(raw, channel=channel), raw["properties"]["delivery_tag"]
    )
    bundles = [Bundle.of(held[start : start + 5]) for start in (0, 5, 10)]
    for bundle in bundles:
        channel._deliver(channel.connection._callbacks["orders"], bundle)
    bundles[0].work_through(lambda _: None)
    assert not bundles[1].is_begun
    visibility_heartbeat.extend(channel.qos.in_flight())
    assert seen_later("orders") == 0


def test_a_queue_that_refuses_takes_no_message_of_another_along(
    sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusing(monkeypatch, "orders")
    held = received(order_created(), signup_requested())
    assert visibility_heartbeat.extend(held) == {"orders"}
    assert seen_later("orders") == 1
    assert seen_later("signups") == 0
    told = "queue=orders call=ChangeMessageVisibilityBatch failed=AccessDenied"
    assert told in caplog.text


def test_ten_that_fail_do_not_end_the_rest(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, "orders", times=1)
    held = received(*(order_created() for _ in range(23)))
    assert visibility_heartbeat.extend(held) == {"orders"}
    assert seen_later("orders") == 10


def test_one_that_is_gone_is_named_and_the_others_are_extended(
    sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    held = received(*(order_created() for _ in range(3)))
    queues.delete("orders", [held[1].receipt_handle])
    visibility_heartbeat.extend(held)
    assert seen_later("orders") == 0
    assert "queue=orders not_hidden=" in caplog.text
