"""publish and publish_many on SQS: what SQS says of each message, and when it is away."""

import socket
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pytest_django import Settings

from processing.events.attributes import Attributes
from processing.sqs import entries, publisher, queues, send_batcher
from processing.sqs.batches import send_batch
from processing.sqs.refusals import SendError
from tests.builders import order_created, signup_requested
from tests.processing.refused_entries import spoil


def received(queue: str) -> set[str]:
    found: set[str] = set()
    while messages := queues.receive(queue):
        found |= {message.attributes["request_id"] for message in messages}
    return found


def test_published_together_by_many_threads_each_arrives_once(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_batcher, "BUDGET", 60)  # moto is slow
    events = [order_created() for _ in range(60)]
    with ThreadPoolExecutor(max_workers=32) as pool:
        ids = list(pool.map(publisher.publish, events))
    assert len(set(ids)) == 60
    assert received("orders") == {event.id for event in events}


@pytest.mark.parametrize("whole", [True, False])
def test_a_message_that_sqs_refuses_fails_alone(
    sqs: None, monkeypatch: pytest.MonkeyPatch, *, whole: bool
) -> None:
    spoil(monkeypatch, "POISON", whole=whole)
    events = [order_created(order_id="POISON"), order_created(), signup_requested()]
    results = publisher.publish_many(events)
    assert [result.event for result in results] == events
    assert [result.error is None for result in results] == [False, True, True]
    assert results[0].error is not None
    assert results[0].error.for_good is whole
    with pytest.raises(SendError):
        publisher.publish(events[0])
    assert publisher.publish(events[1])


def seconds_to_fail(_: int) -> float:
    began = monotonic()
    with pytest.raises(SendError) as error:
        publisher.publish(order_created())
    assert not error.value.for_good
    return monotonic() - began


def test_while_sqs_is_away_every_publisher_is_told_soon(no_sqs: None) -> None:
    queues.sender()
    with ThreadPoolExecutor(max_workers=32) as pool:
        assert max(pool.map(seconds_to_fail, range(32))) < 3


def test_while_sqs_does_not_answer_every_publisher_is_told_soon(
    settings: Settings,
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        settings.SQS_ENDPOINT_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"
        queues.sender()
        with ThreadPoolExecutor(max_workers=32) as pool:
            longest = max(pool.map(seconds_to_fail, range(32)))
    assert longest < 3  # about 1.5 s on a machine that is not busy


def test_more_than_a_call_holds_is_sent_in_several(sqs: None) -> None:
    events = [order_created() for _ in range(23)]
    assert all(result.message_id for result in publisher.publish_many(events))
    assert received("orders") == {event.id for event in events}


def test_each_event_has_its_own_attributes_on_whichever_queue(sqs: None) -> None:
    events = [signup_requested(), order_created(), signup_requested(), order_created()]
    beside = [Attributes({"of": event.id}) for event in events]
    publisher.publish_many(events, beside)
    for queue in ("orders", "signups"):
        found = queues.receive(queue)
        assert len(found) == 2
        assert all(
            one.attributes["of"] == one.attributes["request_id"] for one in found
        )


def test_behind_ten_that_are_refused_for_good_a_good_one_is_sent(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, "POISON", whole=True)
    events = [order_created(order_id=f"POISON-{number}") for number in range(10)]
    good = order_created()
    results = publisher.publish_many([*events, good])
    assert [one.error and one.error.for_good for one in results] == [True] * 10 + [None]
    assert received("orders") == {good.id}


def test_a_batch_that_is_sent_again_in_parts_has_no_more_time(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, "POISON", whole=True)
    send = queues.sender().send_message_batch
    asked: list[float] = []

    def ask(*, within: float, **call: Any) -> Any:
        asked.append(within)
        return send(**call)

    monkeypatch.setattr(queues.sender(), "send_message_batch", ask)
    events = [order_created(order_id="POISON"), order_created()]
    batch = [(one, entries.of_event(one, Attributes(), "orders")) for one in events]
    assert [one.error is None for one in send_batch("orders", batch, 0.7)] == [0, 1]
    assert asked == [0.7] * 3


def test_a_failure_is_logged_with_queue_call_and_the_reason_of_sqs(
    sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    queues.client().delete_queue(QueueUrl=queues.url("orders"))
    with pytest.raises(SendError):
        publisher.publish(order_created())
    assert (
        "queue=orders call=SendMessageBatch failed=NonExistentQueue reason="
        '"The specified queue does not exist'
    ) in caplog.text


def test_a_failure_is_logged_with_the_reason_of_curl(
    no_sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SendError):
        publisher.send_raw("signups", "{}")
    assert (
        "queue=signups call=SendMessage failed=EndpointConnectionError" in caplog.text
    )
    assert "Failed to connect to 127.0.0.1" in caplog.text


def test_what_sqs_says_of_a_message_is_not_logged(
    sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**call: Any) -> Any:
        said: Any = {
            "Code": "InvalidParameterValue",
            "Message": "ada@example.com is bad",
        }
        raise ClientError({"Error": said}, "SendMessageBatch")

    monkeypatch.setattr(queues.sender(), "send_message_batch", refuse)
    with pytest.raises(SendError):
        publisher.publish(signup_requested())
    assert (
        "queue=signups call=SendMessageBatch failed=InvalidParameterValue"
        in caplog.text
    )
    assert "ada@" not in caplog.text
