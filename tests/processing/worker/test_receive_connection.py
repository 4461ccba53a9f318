"""When the transport asks SQS for more, and with what it keeps time."""

import json
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pycurl
import pytest
from kombu.asynchronous import Hub
from pytest_django import Settings

from processing.sqs import access, queues
from processing.worker import database_gate, event_loop_curl
from processing.worker.bundles import Bundle
from processing.worker.receive_connection import NO_ANSWER
from processing.worker.transport import Channel
from tests.builders import message
from tests.processing.sqs_server import Server, serving


def hold(channel: Channel, number: int) -> None:
    for tag in range(number):
        held = SimpleNamespace(delivery_info={"bundle": Bundle.of([message("")])})
        channel.qos.append(held, str(tag))


def test_a_worker_with_room_asks_for_ten(channel: Channel, polls: list[int]) -> None:
    channel._schedule_queue("orders")
    assert polls == [10]


def test_of_a_fifo_queue_it_asks_for_one(
    fifo_orders: None, channel: Channel, polls: list[int]
) -> None:
    channel._schedule_queue("orders")
    assert polls == [1]


def test_a_full_worker_asks_as_soon_as_it_has_room_for_ten(
    channel: Channel, polls: list[int]
) -> None:
    hold(channel, 20)
    channel._schedule_queue("orders")
    for tag in range(9):
        channel.qos.ack(str(tag))
    channel.hub.turn()
    assert polls == []
    channel.qos.ack("9")
    channel.qos.ack("10")
    channel.hub.turn()
    assert polls == [10], "one poll, by the message that made the room"


def test_while_the_database_does_not_answer_a_worker_asks_for_nothing(
    channel: Channel, polls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(database_gate, "database_answers", lambda: next(answers))
    monkeypatch.setattr(database_gate, "REST", 0)
    channel.gate.doubt()
    channel._schedule_queue("orders")
    channel.hub.turn(time_passes=True)
    assert polls == []
    channel.hub.turn(time_passes=True)
    assert polls == [10]


@pytest.mark.parametrize("most", [1, 2])
def test_a_small_worker_asks_when_half_of_it_is_free(
    channel: Channel, polls: list[int], most: int
) -> None:
    channel.qos.prefetch_count = most
    hold(channel, most)
    channel._schedule_queue("orders")
    assert channel._without_room == {"orders"}
    channel.qos.ack("0")
    channel.hub.turn()
    assert polls == [1]


def test_curl_has_one_timer_however_many_calls_it_makes() -> None:
    hub = Hub()
    client = event_loop_curl.Client(hub, queues.reached())
    for _ in range(100):
        client._set_timeout(25_000)
    waiting = [entry for entry in hub.timer.queue if not entry.entry.canceled]
    assert len(waiting) == 1
    client.close()
    hub.close()


@pytest.mark.parametrize(
    ("event", "reads", "writes"),
    [
        (pycurl.POLL_IN, True, False),
        (pycurl.POLL_OUT, False, True),
        (pycurl.POLL_INOUT, False, True),  # no answer comes before its question
        (pycurl.POLL_REMOVE, False, False),
    ],
)
def test_curl_waits_for_what_it_asked_to_wait_for(
    hub: Hub, event: int, reads: bool, writes: bool
) -> None:
    client = event_loop_curl.Client(hub, queues.reached())
    with socket.socket() as one:
        client._handle_socket(event, one.fileno(), None, None)
        assert (one.fileno() in hub.readers) is reads
        assert (one.fileno() in hub.writers) is writes
        hub.remove(one.fileno())
    client.close()


pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated; use")  # kombu


@pytest.fixture
def hub() -> Iterator[Hub]:
    one = Hub()
    yield one
    one.close()


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """An SQS that a channel polls for a second."""
    with serving() as one:
        settings.SQS_ENDPOINT_URL = one.url
        settings.SQS_WAIT_SECONDS = 1
        one.body = b'{"Messages": [{"MessageId": "m-1"}]}'
        yield one


def until(hub: Hub, condition: Callable[[], Any]) -> None:
    """Turn the event loop until *condition* is true."""
    loop = hub.create_loop()
    end = monotonic() + 20
    while not condition():
        assert monotonic() < end, "it never came true"
        hub.call_later(0.01, lambda: None)
        next(loop)


def poll(channel: Channel, hub: Hub) -> list[Any]:
    """Ask once for messages; the list gets the answer."""
    channel.hub = hub
    answers: list[Any] = []
    Channel.asynsqs(channel, "orders").receive_message(
        queues.url("orders"), number=10, visibility=60, wait=1, callback=answers.append
    )
    return answers


def test_after_a_reset_of_the_event_loop_polls_are_answered(
    channel: Channel, server: Server, hub: Hub
) -> None:
    first = poll(channel, hub)
    until(hub, lambda: first)
    hub.reset()
    second = poll(channel, hub)
    until(hub, lambda: second)
    assert [one["Messages"][0]["MessageId"] for one in first + second] == ["m-1"] * 2


def test_an_answer_that_was_read_takes_no_memory(
    channel: Channel, server: Server, hub: Hub
) -> None:
    large = 4 * 1024 * 1024
    server.body = json.dumps({"Messages": [{"Body": "x" * large}]}).encode()
    tracemalloc.start()
    try:
        answers = poll(channel, hub)
        until(hub, lambda: answers)
        taken = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    ours = tracemalloc.Filter(inclusive=True, filename_pattern=event_loop_curl.__file__)
    kept = taken.filter_traces([ours]).statistics("filename")
    assert sum(one.size for one in kept) < large


def test_an_answer_at_the_end_of_the_wait_is_not_given_up(
    channel: Channel, server: Server, hub: Hub
) -> None:
    server.delay = 1.2  # SQS waits a second, as it was asked to
    answers = poll(channel, hub)
    until(hub, lambda: answers)
    assert answers[0]["Messages"]


def test_a_poll_that_is_not_answered_is_given_up_after_its_wait(
    channel: Channel,
    server: Server,
    hub: Hub,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.SQS_WAIT_SECONDS = 2
    monkeypatch.setattr(access, "POLL_ANSWER", 0.2)
    server.hangs = True
    began = monotonic()
    answers = poll(channel, hub)
    until(hub, lambda: answers)
    assert answers == [NO_ANSWER]
    assert monotonic() - began >= 2.2
    assert "queue=orders call=ReceiveMessage failed=HTTPClientError" in caplog.text
    assert "timed out" in caplog.text


@pytest.mark.parametrize(
    "messages", [7, [{"MessageId": "m", "ReceiptHandle": "h", "Body": 7}]]
)
def test_an_answer_that_cannot_be_taken_counts_as_none(
    channel: Channel, messages: Any, caplog: pytest.LogCaptureFixture
) -> None:
    channel.connection._callbacks["orders"] = lambda _: None
    where = queues.url("orders")
    found = channel._on_messages_ready(where, "orders", {"Messages": messages})
    assert found is NO_ANSWER
    assert "queue=orders call=ReceiveMessage failed=TypeError" in caplog.text


def test_a_poll_that_is_refused_says_of_which_queue_and_why(
    channel: Channel, server: Server, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 400
    server.body = (
        b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}'
    )
    answers = poll(channel, hub)
    until(hub, lambda: answers)
    assert answers == [NO_ANSWER]
    told = 'queue=orders call=ReceiveMessage failed=QueueDoesNotExist reason="gone"'
    assert told in caplog.text


def test_a_refused_delete_says_of_which_queue_and_why(
    channel: Channel, server: Server, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    server.status, server.body = 403, b'{"__type": "AccessDenied", "message": "no"}'
    channel.hub = hub
    answers: list[Any] = []
    Channel.asynsqs(channel, "orders").delete_batch(
        queues.url("orders"), ["a"], answers.append
    )
    until(hub, lambda: answers)
    told = 'queue=orders call=DeleteMessageBatch failed=AccessDenied reason="no"'
    assert told in caplog.text
