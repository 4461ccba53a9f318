"""The board: what processes and threads count is added up, whole and once."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from processing import board
from processing.board import Counter, Histogram, Latest
from processing.metrics.declared import PROCESSED, SHOWN

KEY = ("returns", "success")


@pytest.fixture(autouse=True)
def own_row() -> Iterator[None]:
    """Counts of other tests are in the row of this process."""
    before = board._row
    yield
    board.own(before)


def in_a_process(row: int, number: int, *, killed: bool = False) -> None:
    """Count *number* in a process of its own, which then ends or is killed."""
    child = os.fork()
    if not child:
        signal.alarm(10)  # seconds, if it waits for a lock that nobody gives back
        board.own(row)
        for _ in range(number):
            PROCESSED.count(*KEY)
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == (signal.SIGKILL if killed else 0)


def test_a_killed_process_takes_no_count_with_it_and_its_replacement_goes_on() -> None:
    before = PROCESSED.totals()[KEY]
    in_a_process(1, 5)
    in_a_process(2, 7, killed=True)
    assert PROCESSED.totals()[KEY] - before == 12
    in_a_process(2, 1)
    assert PROCESSED.totals()[KEY] - before == 13


def test_threads_of_a_process_lose_no_count() -> None:
    before = PROCESSED.totals()[KEY]

    def count() -> None:
        for _ in range(5_000):
            PROCESSED.count(*KEY)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert PROCESSED.totals()[KEY] - before == 40_000


def test_a_process_that_is_forked_while_a_thread_counts_can_count() -> None:
    with board._lock:  # as a thread of the parent holds it
        in_a_process(3, 1)


def test_a_row_of_another_release_is_neither_added_up_nor_kept() -> None:
    in_a_process(4, 1)
    known = PROCESSED.totals()[KEY]
    board._cells[4] += 1  # the mark of other columns
    assert PROCESSED.totals()[KEY] == known - 1
    in_a_process(4, 1)
    assert PROCESSED.totals()[KEY] == known


def test_a_replacement_gets_the_row_of_the_dead_process() -> None:
    assert board.free_row([]) == 1
    assert board.free_row([1, 3]) == 2
    assert board.free_row([1, 2, 3]) == 4


def test_more_columns_than_a_row_has_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(board, "_declared", [])
    Counter("small", "", label=[str(number) for number in range(board.COLUMNS)])
    with pytest.raises(board.Full):
        Counter("one_more", "")


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board of which nothing is used yet, and no metric declared."""
    monkeypatch.setattr(board, "_declared", [])
    monkeypatch.setattr(board, "_row", 900)
    monkeypatch.setattr(board, "_start", board.ROWS + 900 * board.COLUMNS)
    board._cells[900] = 0  # the mark that a test before has left


def test_a_histogram_knows_number_and_sum_of_each_bucket(apart: None) -> None:
    times = Histogram("times", "", queue=("a", "b"))
    board.settle()
    for ms in (0, 1, 2, 3, 500_000, 500_001):
        times.observe(ms, "a")
    buckets = times.totals()[("a",)]
    assert buckets[0] == (2, 1)
    assert buckets[1] == (1, 2)
    assert buckets[2] == (1, 3)
    assert buckets[-2:] == [(1, 500_000), (1, 500_001)]
    assert set(times.totals()[("b",)]) == {(0, 0)}


def test_the_latest_of_all_processes_counts(apart: None) -> None:
    latest = Latest("latest", "", queue=("a",))
    board.settle()
    for number in (5, 9, 7):
        latest.note(number, "a")
    board.own(901)
    latest.note(8, "a")
    assert latest.totals() == {("a",): 9}


@pytest.mark.parametrize(
    ("name", "queues", "is_kept"),
    [
        ("sent", ("a", "b"), True),
        ("sent", ("b", "a"), False),
        ("sent", ("a", "b", "c"), False),
        ("held", ("a", "b"), False),
    ],
)
def test_counts_go_on_only_where_all_columns_mean_the_same(
    apart: None, name: str, queues: tuple[str, ...], *, is_kept: bool
) -> None:
    former = Counter("sent", "", queue=("a", "b"))
    board.settle()
    former.count("a")
    board._declared.clear()  # as in a worker of the next release
    counter = Counter(name, "", queue=queues)
    board.settle()
    assert counter.totals()[("a",)] == int(is_kept)


def test_every_metric_that_is_shown_has_a_name_and_a_meaning() -> None:
    assert [one.name for one in SHOWN if not one.name.startswith("holdfast_")] == []
    assert [one.name for one in SHOWN if not one.meaning.endswith(".")] == []
