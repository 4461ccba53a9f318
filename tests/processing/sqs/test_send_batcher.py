"""Sends that join each other. A gate stands for an SQS that has not answered yet."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

import pytest

from processing.sqs import send_batcher
from processing.sqs.send_batcher import OutOfTimeError, SendBatcher


class Line:
    """A publisher whose calls are held until `gate` is open."""

    def __init__(self, pool: ThreadPoolExecutor, most: int = 10, room: int = 100):
        self.gate = threading.Event()
        self.calls: list[list[str]] = []
        self.within: list[float] = []
        self._pool = pool
        self._batcher: SendBatcher[str, str] = SendBatcher(
            self._send, most=most, room=room
        )

    def put(self, *items: str, size: int = 1) -> list["Future[str]"]:
        return [self._pool.submit(self._batcher.put, item, size) for item in items]

    def standing(self) -> int:
        return len(self._batcher._line)

    def turn_is_over(self) -> bool:
        return self._batcher._turn_ends < monotonic()

    def seconds_of_first(self) -> float:
        """How long the first in line may still wait."""
        return self._batcher._line[0].seconds_left

    def _send(self, items: Sequence[str], within: float) -> list[str]:
        self.calls.append(list(items))
        self.within.append(within)
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


def let_a_call_carry_several(line: Line) -> None:
    futures = line.put("first")
    until(lambda: bool(line.calls))
    futures += line.put("b", "c")
    until(lambda: line.standing() == 2)
    line.gate.set()
    assert len({future.result(5) for future in futures}) == 3


def test_a_lone_send_goes_at_once_and_alone(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_batcher, "GATHER", 60)
    line = Line(pool)
    line.gate.set()
    for item in ("a", "b"):
        (future,) = line.put(item)
        assert future.result(5) == f"{item} sent"
    assert line.calls == [["a"], ["b"]]


def test_where_calls_carried_several_a_turn_waits_until_as_many_have_come(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_batcher, "GATHER", 60)
    monkeypatch.setattr(send_batcher, "COMPANY_LASTS", 60)
    line = Line(pool)
    let_a_call_carry_several(line)
    (early,) = line.put("early")
    until(lambda: line.standing() == 1)
    (late,) = line.put("late")
    assert (early.result(5), late.result(5)) == ("early sent", "late sent")
    assert sorted(line.calls[2]) == ["early", "late"]


@pytest.mark.parametrize(("gather", "lasts"), [(0.01, 60), (60, 0)])
def test_company_that_does_not_come_is_not_waited_for(
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    gather: float,
    lasts: float,
) -> None:
    monkeypatch.setattr(send_batcher, "GATHER", gather)
    monkeypatch.setattr(send_batcher, "COMPANY_LASTS", lasts)
    line = Line(pool)
    let_a_call_carry_several(line)
    (alone,) = line.put("alone")
    assert alone.result(5) == "alone sent"


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
    monkeypatch.setattr(send_batcher, "BUDGET", 0.05)
    line = Line(pool)
    (first,) = line.put("first")
    until(lambda: bool(line.calls))
    (late,) = line.put("late")
    with pytest.raises(OutOfTimeError):
        late.result(5)
    line.gate.set()
    assert first.result(5) == "first sent"
    (after,) = line.put("after")
    assert after.result(5) == "after sent"
    assert line.calls == [["first"], ["after"]]


def test_the_line_may_use_what_a_slow_call_leaves_of_the_budget(
    pool: ThreadPoolExecutor,
) -> None:
    line = Line(pool)
    first = line.put("first")
    until(lambda: bool(line.calls))
    late = line.put("late")
    until(lambda: line.standing() == 1)
    until(
        lambda: line.seconds_of_first() < send_batcher.BUDGET - 0.6
    )  # a call of 0.6 s
    line.gate.set()
    assert [one.result(5) for one in first + late] == ["first sent", "late sent"]
    assert line.within[0] > send_batcher.BUDGET - 0.5
    assert 0 < line.within[1] < send_batcher.BUDGET - 0.6


def test_a_large_message_has_more_time(pool: ThreadPoolExecutor) -> None:
    line = Line(pool, room=100)
    line.gate.set()
    (large,) = line.put("large", size=100)
    assert large.result(5) == "large sent"
    assert send_batcher.BUDGET < line.within[0] <= send_batcher.BUDGET + 1


def test_who_has_no_time_left_for_a_call_passes_the_turn_on(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(pool)
    monkeypatch.setattr(send_batcher, "BUDGET", 60)
    first = line.put("first")
    until(lambda: bool(line.calls))
    old = line.put("old")
    until(lambda: line.standing() == 1)
    monkeypatch.setattr(send_batcher, "BUDGET", 120)
    young = line.put("young")
    until(lambda: line.standing() == 2)
    monkeypatch.setattr(send_batcher, "SHORTEST_CALL", 90)
    line.gate.set()
    assert [one.result(5) for one in first + young] == ["first sent", "young sent"]
    with pytest.raises(OutOfTimeError):
        old[0].result(5)
    assert line.calls == [["first"], ["young"]]


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
    with pytest.raises(OutOfTimeError):
        shared.result(5)
    (after,) = line.put("after")
    assert after.result(5) == "after sent"


def test_who_stands_in_line_when_a_turn_runs_out_is_sent_once(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_batcher, "BUDGET", 10)
    monkeypatch.setattr(send_batcher, "LONGEST_CALL", 0.2)
    line = Line(pool)
    futures = line.put("stuck")
    until(lambda: bool(line.calls))
    futures += line.put("waits")
    until(lambda: line.standing() == 1)
    until(lambda: line.turn_is_over())
    monkeypatch.setattr(send_batcher, "LONGEST_CALL", 10)
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


def test_who_makes_ten_after_a_turn_ran_out_has_the_next_turn(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_batcher, "BUDGET", 10)
    monkeypatch.setattr(send_batcher, "LONGEST_CALL", 0.5)
    line = Line(pool)
    futures = line.put("stuck")
    until(lambda: bool(line.calls))
    futures += line.put(*"abcdefghi")
    until(lambda: line.standing() == 9)
    until(lambda: line.turn_is_over())
    monkeypatch.setattr(send_batcher, "LONGEST_CALL", 10)
    futures += line.put("j")
    until(lambda: len(line.calls) == 2)
    assert sorted(line.calls[1]) == list("abcdefghij")
    assert not line.turn_is_over()
    line.gate.set()
    assert len({future.result(5) for future in futures}) == 11


def test_a_turn_that_nobody_takes_runs_out(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_batcher, "LONGEST_CALL", 0.05)
    line = Line(pool)
    (stuck,) = line.put("stuck")
    until(lambda: bool(line.calls))
    until(lambda: line.turn_is_over())
    (after,) = line.put("after")
    until(lambda: line.calls == [["stuck"], ["after"]])
    line.gate.set()
    assert after.result(5) == "after sent"
    assert stuck.result(5) == "stuck sent"


@pytest.mark.parametrize("first", ["its result", "the end of its call"])
def test_a_turn_given_to_one_who_was_taken_along_goes_on(
    pool: ThreadPoolExecutor, first: str
) -> None:
    gates: dict[str, threading.Event] = defaultdict(threading.Event)
    calls: list[str] = []

    def send(items: Sequence[str], within: float) -> Sequence[str]:
        calls.append(items[0])
        assert gates[items[0]].wait(10)
        return items

    line: SendBatcher[str, str] = SendBatcher(send, most=10, room=100)

    def put(*items: str, size: int, standing: int) -> list["Future[str]"]:
        futures = []
        for item in items:  # one after the other: their order is what matters
            before = len(line._line), len(calls)
            futures.append(pool.submit(line.put, item, size))
            until(lambda: (len(line._line), len(calls)) != before)  # noqa: B023
        assert len(line._line) == standing
        return futures

    eight = [f"b{number}" for number in range(8)]
    nine = [f"d{number}" for number in range(9)]
    futures = put("first", size=1, standing=0)
    futures += put("large", size=100, standing=1)
    futures += put(*eight, size=12, standing=9)
    futures += put("busy", size=10, standing=9)  # it sends "large", and stands in line
    gates["first"].set()
    until(lambda: calls == ["first", "large", "b0"])
    gates["b0"].set()
    until(lambda: line._line[0].has_turn)  # it is the turn of "busy", which still sends
    futures += put(*nine, size=10, standing=0)  # the last sends for it, too
    for ends in ("busy", "large") if first == "its result" else ("large", "busy"):
        gates[ends].set()
        until(futures[-1 if ends == "busy" else 1].done)
    assert len({future.result(5) for future in futures}) == 20
    gates["after"].set()
    assert pool.submit(line.put, "after", 1).result(5) == "after"
