"""Sends that join each other. A gate stands for an SQS that has not answered yet."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

import pytest

from processing import publisher
from processing.publisher import NotSentError, Publisher


class Line:
    """A publisher whose calls are held until `gate` is open."""

    def __init__(self, pool: ThreadPoolExecutor, most: int = 10, room: int = 100):
        self.gate = threading.Event()
        self.calls: list[list[str]] = []
        self._pool = pool
        self._publisher: Publisher[str, str] = Publisher(
            self._send, most=most, room=room
        )

    def put(self, *items: str, size: int = 1) -> list["Future[str]"]:
        return [self._pool.submit(self._publisher.put, item, size) for item in items]

    def standing(self) -> int:
        return len(self._publisher._line)

    def _send(self, items: Sequence[str]) -> list[str]:
        self.calls.append(list(items))
        if not self.gate.wait(10):
            raise TimeoutError
        if "fatal" in items:
            raise SystemExit
        return [f"{item} sent" for item in items]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=40) as threads:
        yield threads


def until(condition: Callable[[], bool]) -> None:
    end = monotonic() + 10
    while not condition():
        assert monotonic() < end, "it never came true"
        threading.Event().wait(0.001)


def test_a_lone_send_goes_at_once_and_alone(pool: ThreadPoolExecutor) -> None:
    line = Line(pool)
    line.gate.set()
    for item in ("a", "b"):
        (future,) = line.put(item)
        assert future.result(5) == f"{item} sent"
    assert line.calls == [["a"], ["b"]]


def test_sends_that_find_one_under_way_share_the_next_call(
    pool: ThreadPoolExecutor,
) -> None:
    line = Line(pool)
    first = line.put("first")
    until(lambda: bool(line.calls))
    others = line.put("b", "c", "d")
    until(lambda: line.standing() == 3)
    assert len(line.calls) == 1, "they wait for the call under way"
    line.gate.set()
    assert [future.result(5) for future in first + others] == [
        "first sent",
        "b sent",
        "c sent",
        "d sent",
    ]
    assert sorted(line.calls[1]) == ["b", "c", "d"]
    assert len(line.calls) == 2


def test_ten_in_line_go_though_a_call_is_under_way(pool: ThreadPoolExecutor) -> None:
    line = Line(pool)
    futures = line.put("first")
    until(lambda: bool(line.calls))
    futures += line.put(*(str(number) for number in range(10)))
    until(lambda: len(line.calls) == 2)
    line.gate.set()
    assert len({future.result(5) for future in futures}) == 11
    assert len(line.calls[1]) == 10


def test_a_call_takes_no_more_than_fits_into_it(pool: ThreadPoolExecutor) -> None:
    line = Line(pool, room=100)
    futures = line.put("first")
    until(lambda: bool(line.calls))
    futures += line.put("b", "c", "d", size=40)
    until(lambda: line.standing() == 3)
    line.gate.set()
    assert len({future.result(5) for future in futures}) == 4
    assert sorted(len(call) for call in line.calls) == [1, 1, 2]


def test_thirty_two_threads_make_few_calls(pool: ThreadPoolExecutor) -> None:
    line = Line(pool)
    futures = line.put("first")
    until(lambda: bool(line.calls))
    futures += line.put(*(str(number) for number in range(31)))
    until(lambda: len(line.calls) == 4 and line.standing() == 1)
    line.gate.set()
    assert len({future.result(5) for future in futures}) == 32
    assert len(line.calls) == 5


def test_a_turn_that_does_not_come_ends_in_an_error_and_is_not_sent(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "WAIT_FOR_TURN", 0.05)
    line = Line(pool)
    (first,) = line.put("first")
    until(lambda: bool(line.calls))
    (late,) = line.put("late")
    with pytest.raises(NotSentError):
        late.result(5)
    line.gate.set()
    assert first.result(5) == "first sent"
    (after,) = line.put("after")
    assert after.result(5) == "after sent"
    assert line.calls == [["first"], ["after"]]


def test_a_sender_that_dies_takes_nobody_with_it(pool: ThreadPoolExecutor) -> None:
    line = Line(pool)
    first = line.put("first")
    until(lambda: bool(line.calls))
    (fatal,) = line.put("fatal")
    until(lambda: line.standing() == 1)
    (shared,) = line.put("shared")
    until(lambda: line.standing() == 2)
    line.gate.set()
    assert first[0].result(5) == "first sent"
    assert isinstance(fatal.exception(5), SystemExit)
    with pytest.raises(NotSentError):
        shared.result(5)
    (after,) = line.put("after")
    assert after.result(5) == "after sent"


def test_who_stands_in_line_when_a_turn_runs_out_is_sent_once(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "WAIT_FOR_TURN", 10)
    monkeypatch.setattr(publisher, "LONGEST_CALL", 0.2)
    line = Line(pool)
    futures = line.put("stuck")
    until(lambda: bool(line.calls))
    futures += line.put("waits")
    until(lambda: line.standing() == 1)
    threading.Event().wait(0.3)
    monkeypatch.setattr(publisher, "LONGEST_CALL", 10)
    futures += line.put("after")
    until(lambda: line.calls == [["stuck"], ["waits", "after"]])
    others = [str(number) for number in range(8)]
    futures += line.put(*others, size=60)  # one fits into a call
    until(lambda: line.standing() == 8)
    line.gate.set()
    everyone = ["stuck", "waits", "after", *others]
    assert [future.result(5) for future in futures] == [
        f"{one} sent" for one in everyone
    ]
    assert sorted(one for call in line.calls for one in call) == sorted(everyone)


def test_a_turn_that_nobody_takes_runs_out(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "LONGEST_CALL", 0.05)
    line = Line(pool)
    (stuck,) = line.put("stuck")
    until(lambda: bool(line.calls))
    threading.Event().wait(0.1)
    (after,) = line.put("after")
    until(lambda: line.calls == [["stuck"], ["after"]])
    line.gate.set()
    assert after.result(5) == "after sent"
    assert stuck.result(5) == "stuck sent"
