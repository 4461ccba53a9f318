"""Several calls to SQS are under way at once; on a FIFO queue one follows the other."""

from contextvars import ContextVar
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from processing.sqs import publisher, queues
from processing.sqs.at_once import WAYS, at_once
from tests.builders import order_created
from tests.live import PATIENCE

correlation = ContextVar("correlation", default="")


def test_calls_wait_together_and_answer_in_order() -> None:
    all_there = Barrier(WAYS)
    correlation.set("one")

    def call(number: int) -> str:
        all_there.wait(PATIENCE)
        return f"{correlation.get()} {number}"

    assert at_once(call, range(WAYS)) == [f"one {number}" for number in range(WAYS)]


def test_of_several_errors_the_first_is_raised_once_all_calls_have_ended() -> None:
    ended: list[int] = []

    def call(number: int) -> None:
        ended.append(number)
        if number:
            raise ValueError(str(number))

    with pytest.raises(ValueError, match="1"):
        at_once(call, [0, 1, 2])
    assert sorted(ended) == [0, 1, 2]


def test_one_call_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processing.sqs.at_once.ThreadPoolExecutor", None)
    assert at_once(str, [1]) == ["1"]
    assert at_once(str, []) == []


def _only_together(monkeypatch: pytest.MonkeyPatch, name: str, calls: int) -> None:
    """Each call of *name* waits for the others of *calls*."""
    all_there = Barrier(calls)
    sender = queues.sender()
    ask = getattr(sender, name)

    def ask_with_others(**call: Any) -> Any:
        all_there.wait(PATIENCE)
        return ask(**call)

    monkeypatch.setattr(sender, name, ask_with_others)


def test_the_batches_of_a_set_are_sent_at_once(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [order_created() for _ in range(25)]
    with monkeypatch.context() as patch:
        _only_together(patch, "send_message_batch", calls=3)
        sent = publisher.publish_many(events)
    assert [one.event for one in sent] == events
    assert all(one.message_id for one in sent)


def test_a_heartbeat_makes_its_calls_at_once(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish_many(order_created() for _ in range(25))
    held = [one for _ in range(3) for one in queues.receive("orders", visibility=1)]
    handles = [one.receipt_handle for one in held]
    with monkeypatch.context() as patch:
        _only_together(patch, "change_message_visibility_batch", calls=3)
        assert queues.hide_many("orders", handles, 300)
    with time_machine.travel(timezone.now().timestamp() + 60):
        assert queues.depth("orders") == queues.Depth(visible=0, in_flight=25)


def test_a_fifo_queue_takes_the_batches_one_after_the_other(
    fifo_orders: None, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "at_once", None)
    events = [order_created(order_id=f"o-{number}") for number in range(25)]
    assert all(one.message_id for one in publisher.publish_many(events))
