import json
from typing import Any

import pytest
from pytest_django import Settings

from processing.events.attributes import RECEIPT, Attributes
from processing.sqs import batches, entries, publisher, queues
from processing.sqs.batches import batches_of
from processing.sqs.message import message_from
from processing.sqs.refusals import SendError
from tests.builders import message, order_created, signup_requested


def test_published_events_are_plain_json_with_their_type_and_ids(sqs: None) -> None:
    event = order_created()
    publisher.publish(event)
    (received,) = queues.receive("orders")
    assert received.body == event.body
    assert received.attributes == {
        "type": "order_created",
        "request_id": event.id,
        "correlation_id": event.correlation_id,
    }
    assert received.receive_count == 1


def test_a_message_keeps_the_millisecond_in_which_it_was_sent() -> None:
    raw = {
        "MessageId": "m-1",
        "ReceiptHandle": "h",
        "Attributes": {"SentTimestamp": "1795168800123"},
    }
    sent_at = message_from("orders", raw).sent_at
    assert sent_at.isoformat(timespec="milliseconds") == "2026-11-20T10:00:00.123+00:00"


def test_many_events_go_to_their_queues_and_each_has_its_result(sqs: None) -> None:
    events = [order_created() for _ in range(12)] + [signup_requested()]
    results = publisher.publish_many(events)
    assert [result.event for result in results] == events
    assert all(result.message_id and not result.error for result in results)
    assert queues.depth("orders").visible == 12
    assert queues.depth("signups").visible == 1


def test_a_partial_failure_is_reported_for_its_event_alone(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = order_created(), order_created()

    def refuse_the_second(**call: object) -> object:
        return {
            "Successful": [{"Id": "0", "MessageId": "m-0"}],
            "Failed": [
                {"Id": "1", "Code": "InvalidMessageContents", "SenderFault": True}
            ],
        }

    monkeypatch.setattr(queues.sender(), "send_message_batch", refuse_the_second)
    first, second = publisher.publish_many([good, bad])
    assert (first.message_id, first.error) == ("m-0", None)
    assert second.error is not None
    assert second.error.for_good


def test_batches_stay_below_what_one_call_may_carry(sqs: None) -> None:
    events = [order_created() for _ in range(10)]
    going = [
        (event, entries.of_event(event, Attributes(), "orders")) for event in events
    ]
    for _, entry in going:
        entry["MessageBody"] += " " * 250_000
    cut = list(batches_of(going))
    assert [event for batch in cut for event, _ in batch] == events
    assert all(
        sum(entries.size(entry) for _, entry in batch) <= 1024 * 1024 for batch in cut
    )


@pytest.mark.parametrize(("spare", "sizes"), [(0, [3]), (-1, [2, 1])])
def test_what_just_fits_goes_in_one_call(
    monkeypatch: pytest.MonkeyPatch, spare: int, sizes: list[int]
) -> None:
    events = [order_created() for _ in range(3)]
    going = [(one, entries.of_event(one, Attributes(), "orders")) for one in events]
    most = sum(entries.size(entry) for _, entry in going) + spare
    monkeypatch.setattr(batches, "MAX_MESSAGE_BYTES", most)
    assert [len(batch) for batch in batches_of(going)] == sizes


@pytest.mark.parametrize(("spare", "is_sent"), [(0, True), (-1, False)])
def test_an_event_that_just_fits_is_sent(
    sqs: None, monkeypatch: pytest.MonkeyPatch, spare: int, *, is_sent: bool
) -> None:
    event = order_created()
    most = entries.size(entries.of_event(event, Attributes(), "orders")) + spare
    monkeypatch.setattr(publisher, "MAX_MESSAGE_BYTES", most)
    (sent,) = publisher.publish_many([event])
    assert (sent.error is None) is is_sent


@pytest.mark.parametrize(
    ("room", "told"), [("a" * 300, 300), ("a" * 299, 200), ("a" * 200, 200), ("", 0)]
)
def test_a_dead_letter_tells_as_much_of_its_error_as_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, room: str, told: int
) -> None:
    dead = message("no event")
    least = entries.of_dead_letter(dead, {"error_text": room})
    monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", entries.size(least))
    sent = entries.of_dead_letter(dead, {"error_text": "a" * 300})
    reason = json.loads(sent["MessageAttributes"]["failure"]["StringValue"])
    assert reason["error_text"] == "a" * told
    monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", len(dead.body))
    with pytest.raises(entries.TooLargeError):
        entries.of_dead_letter(dead, {"error_text": ""})


def test_one_too_large_event_is_refused_for_good_and_its_neighbours_go(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried: list[int] = []
    send = queues.sender().send_message_batch

    def counted(**call: Any) -> Any:
        carried.append(len(call["Entries"]))
        return send(**call)

    monkeypatch.setattr(queues.sender(), "send_message_batch", counted)
    events = [order_created() for _ in range(5)]
    beside = [Attributes() for _ in events]
    beside[2] = Attributes({"picture": "x" * 1024 * 1024})
    results = publisher.publish_many(events, beside)
    assert [one.error is None for one in results] == [True, True, False, True, True]
    assert results[2].error is not None
    assert results[2].error.for_good
    assert carried == [2, 2]
    assert {one.body for one in queues.receive("orders")} == {
        event.body for number, event in enumerate(events) if number != 2
    }


def test_sending_to_an_sqs_that_is_away_fails_within_the_budget(no_sqs: None) -> None:
    with pytest.raises(SendError) as caught:
        publisher.publish(order_created())
    assert not caught.value.for_good
    (result,) = publisher.publish_many([order_created()])
    assert result.error is not None


def test_an_event_too_large_for_sqs_is_refused_before_it_is_accepted() -> None:
    event = order_created()
    publisher.check_size(event)
    large = event.model_copy(
        update={"data": event.data.model_copy(update={"order_id": "é" * 600_000})}
    )
    with pytest.raises(entries.TooLargeError):
        publisher.check_size(large)


def test_the_mark_of_a_receipt_counts_towards_the_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = order_created()
    least = entries.size(entries.of_event(event, RECEIPT, "orders"))
    monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", least)
    publisher.check_size(event)
    monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", least - 1)
    with pytest.raises(entries.TooLargeError):
        publisher.check_size(event)


def test_delete_reports_what_was_not_deleted(
    sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(11):
        publisher.publish(order_created())
    received = queues.receive("orders") + queues.receive("orders")
    handles = [one.receipt_handle for one in received]
    assert queues.delete("orders", handles) == []
    assert queues.depth("orders") == queues.Depth(0, 0)
    assert queues.delete("orders", ["no such handle"]) == ["no such handle"]
    for unknown in (0, 10):
        mixed = [*handles[:unknown], "no such handle", *handles[unknown:]]
        assert queues.delete("orders", mixed) == ["no such handle"]
    assert caplog.messages == ["queue=orders not_deleted=ReceiptHandleIsInvalid"] * 3


def test_a_dead_letter_keeps_its_bytes_and_carries_the_reason(sqs: None) -> None:
    attributes = {f"a{number}": "x" for number in range(10)}
    dead = message('{"no": "brace"', attributes=attributes)
    publisher.dead_letter(dead, {"error_type": "SomeError", "request_id": "r-1"})
    (arrived,) = queues.receive("orders-dlq")
    assert arrived.body == dead.body
    failure = json.loads(arrived.attributes["failure"])
    assert failure["error_type"] == "SomeError"
    assert failure["message_id"] == dead.id
    assert len(arrived.attributes) == 10
    assert failure["attributes"] == {"a9": "x"}


@pytest.mark.parametrize(
    ("receive_count", "seconds"),
    [(1, 30), (2, 60), (3, 120), (4, 240), (5, 300), (99, 300)],
)
def test_backoff_doubles_up_to_five_minutes(
    settings: Settings, receive_count: int, seconds: int
) -> None:
    assert queues.backoff(receive_count) == seconds
