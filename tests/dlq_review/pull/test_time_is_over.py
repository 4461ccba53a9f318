"""A pull whose time is over stores what it has received, and receives no more."""

import pytest

from dlq_review.pull import receiving
from processing.sqs.message import Message
from processing.sqs.queues import BATCH
from tests.builders import dead_message


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(receiving, "monotonic", lambda: now[0])
    return now


def full() -> list[Message]:
    return [dead_message(str(number)) for number in range(BATCH)]


def test_a_set_that_was_received_ahead_is_stored(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, ahead = full(), full()[:1]
    answers = iter([first, ahead])
    monkeypatch.setattr(receiving, "receive_set", lambda _: next(answers))
    sets = receiving.sets("orders-dlq", until=5)
    assert next(sets) == first
    clock[0] = 9
    assert list(sets) == [ahead]


def test_no_set_is_received_ahead_that_could_not_be_begun(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[str] = []

    def receive_slowly(dlq: str) -> list[Message]:
        received.append(dlq)
        clock[0] += 9
        return full() if len(received) < 3 else []

    monkeypatch.setattr(receiving, "receive_set", receive_slowly)
    assert len(list(receiving.sets("orders-dlq", until=5))) == 1
    assert received == ["orders-dlq"]
