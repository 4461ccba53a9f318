"""What an event is to SQS: its body, its attributes, and whose it is."""

from dataclasses import replace
from typing import Any

import pytest

from dlq_review.redrive.message_attributes import marked
from processing.events.attributes import RECEIPT, Attributes, size
from processing.events.envelope import Event
from processing.sqs import entries
from processing.sqs.topology import QUEUES
from processing.tracing.context import Trace
from tests.builders import (
    dead_letter,
    order_created,
    order_returned,
    order_updated,
    signup_requested,
)

LONG = "x" * 60 + "@" + ".".join(["d" * 60] * 3) + ".com"


@pytest.mark.parametrize(
    ("event", "group"),
    [
        (order_created(customer_id="C-1"), "C-1"),
        (order_updated(customer_id="C-2"), "C-2"),
        (order_returned(customer_id="C-3"), "C-3"),
        (signup_requested(email="ada@example.com"), "ada@example.com"),
        (signup_requested(email=LONG), LONG[:128]),
    ],
)
def test_the_events_of_one_customer_are_one_group(event: Event, group: str) -> None:
    entry = entries.of_event(event, Attributes(), event.queue)
    assert entry["MessageGroupId"] == group
    assert entry["MessageBody"] == event.body
    assert set(entry) == {"MessageBody", "MessageAttributes", "MessageGroupId"}
    assert {
        name: (one["DataType"], one["StringValue"])
        for name, one in entry["MessageAttributes"].items()
    } == {
        "type": ("String", event.type),
        "request_id": ("String", event.id),
        "correlation_id": ("String", event.correlation_id),
    }


def test_what_is_sent_beside_an_event_never_replaces_what_names_it() -> None:
    event = order_created()
    beside = Attributes({"request_id": "another", "own": "kept"})
    named = entries.of_event(event, beside, "orders")["MessageAttributes"]
    assert named["request_id"]["StringValue"] == event.id
    assert named["own"]["StringValue"] == "kept"
    receipted = entries.of_event(event, RECEIPT, "orders")["MessageAttributes"]
    assert set(receipted) > {"type", "request_id", "correlation_id"}


@pytest.mark.parametrize("number", [7, 8, 9, 10])
def test_no_message_has_more_than_ten_attributes(number: int) -> None:
    beside = Attributes({f"own-{place}": "x" for place in range(number)})
    named = entries.of_event(order_created(), beside, "orders")["MessageAttributes"]
    assert len(named) == 10
    assert {name for name in named if name.startswith("own")} == set(beside.texts)


def test_only_a_fifo_queue_is_told_what_a_copy_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = order_created()
    assert entries.on_fifo("orders", "g", "d") == {}
    monkeypatch.setitem(QUEUES, "orders", replace(QUEUES["orders"], fifo=True))
    assert entries.on_fifo("orders", "g" * 128, "d") == {
        "MessageGroupId": "g" * 128,
        "MessageDeduplicationId": "d",
    }
    first, again, other = (
        entries.of_event(one, RECEIPT, "orders")["MessageDeduplicationId"]
        for one in (event, event, order_created())
    )
    assert first == again != other


@pytest.mark.django_db
def test_a_redrive_that_just_fits_names_no_more_traces_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own goes first, then that of the failure in its mark."""
    event, letter = order_created(), dead_letter()
    failed = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1)
    own = failed.another()
    kept = Attributes({"own": "kept"})
    traced = kept | Attributes(failed.attributes)

    def entry(beside: Attributes, trace: Trace | None) -> dict[str, Any]:
        return entries.of_event(event, marked(letter, beside, trace), "orders")

    def with_room_for(most: int) -> dict[str, Any]:
        monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", most)
        return entry(traced, own)

    plain, whole = entry(kept, None), entry(traced, own)
    marked_alone = dict(whole["MessageAttributes"])
    del marked_alone["traceparent"]
    most = entries.size(whole)
    assert with_room_for(most) == whole
    most -= size(Attributes(own.attributes).wire)
    assert with_room_for(most)["MessageAttributes"] == marked_alone
    assert with_room_for(most - 1) == plain
    assert with_room_for(entries.size(plain)) == plain
