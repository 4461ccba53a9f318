from collections.abc import Callable, Sequence
from typing import Any

import pytest

from processing.sqs import publisher, queues
from processing.worker.delete_batches import Deletes
from tests.builders import order_created


class Loop:
    """An event loop and an SQS connection that a test turns by hand."""

    def __init__(self) -> None:
        self.timers: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.posts: list[tuple[str, list[str]]] = []
        self._answers: list[Callable[[Any], None]] = []
        self.deletes = Deletes(self._post, self._later)

    def turn(self) -> None:
        timers, self.timers = self.timers, []
        for call, arguments in timers:
            call(*arguments)

    def answer(self, answer: Any) -> None:
        self._answers.pop(0)(answer)

    def _post(
        self, queue: str, handles: Sequence[str], answered: Callable[[Any], None]
    ) -> None:
        self.posts.append((queue, list(handles)))
        self._answers.append(answered)

    def _later(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        self.timers.append((call, args))


def received(number: int) -> list[str]:
    """The receipt handles of *number* messages on the orders queue."""
    publisher.publish_many(order_created() for _ in range(number))
    messages = queues.receive("orders", limit=10)
    return [message.receipt_handle for message in messages]


def in_flight() -> int:
    return queues.depth("orders").in_flight


def test_deletes_are_gathered_until_their_time() -> None:
    loop = Loop()
    for handle in ("a", "b", "c"):
        loop.deletes.add("orders", handle)
    loop.deletes.add("emails", "d")
    assert loop.posts == []
    loop.turn()
    assert loop.posts == [("orders", ["a", "b", "c"]), ("emails", ["d"])]


def test_ten_deletes_do_not_wait_and_are_asked_for_once() -> None:
    loop = Loop()
    for number in range(11):
        loop.deletes.add("orders", str(number))
    assert [len(handles) for _, handles in loop.posts] == [10]
    loop.turn()
    assert loop.posts[1] == ("orders", ["10"])
    loop.turn()
    assert len(loop.posts) == 2


def test_a_delete_on_a_fifo_queue_does_not_wait(fifo_orders: None) -> None:
    loop = Loop()
    loop.deletes.add("orders", "a")
    loop.deletes.add("orders", "b")
    assert loop.posts == [("orders", ["a"]), ("orders", ["b"])]
    loop.turn()
    assert len(loop.posts) == 2


def test_closing_deletes_what_waits_and_what_was_not_answered(sqs: None) -> None:
    loop = Loop()
    first, second, third = received(3)
    loop.deletes.add("orders", first)
    loop.turn()  # asked for; the answer never comes
    loop.deletes.add("orders", second)
    loop.deletes.close()
    assert in_flight() == 1
    loop.deletes.add("orders", third)  # a task that ends while the pool drains
    assert in_flight() == 0


def test_a_delete_that_fails_is_logged_and_forgotten(
    caplog: pytest.LogCaptureFixture, no_sqs: None
) -> None:
    loop = Loop()
    loop.deletes.add("orders", "a")
    loop.turn()
    loop.answer({"Failed": [{"Id": "0", "Code": "InternalError"}]})
    loop.deletes.add("orders", "deleted")
    loop.turn()
    loop.answer({"Successful": [{"Id": "0"}]})
    loop.deletes.close()
    loop.deletes.add("orders", "b")  # SQS is away
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("ERROR", f"queue=orders not_deleted=1 reason={reason}; will come again")
        for reason in ("InternalError", "EndpointConnectionError")
    ]
