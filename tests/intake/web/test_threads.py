"""Which thread takes what, and when all of it is done."""

import threading
import weakref
from collections.abc import Callable, Sized
from functools import partial
from time import monotonic, sleep

import pytest

from intake.web.threads import Threads

PATIENCE = 10  # seconds


@pytest.fixture
def taken() -> list[tuple[str, str]]:
    """What was taken, each with the name of its thread."""
    return []


def test_the_thread_that_was_idle_last_takes_the_next(
    taken: list[tuple[str, str]],
) -> None:
    threads = Threads[str](8, lambda item: taken.append((item, _own_name())))
    threads.start()
    for number, item in enumerate("abcdefghij"):
        _until(lambda: threads.all_idle)
        threads.put(item)
        _until(partial(_has, taken, number + 1))
    threads.end()
    assert [item for item, _ in taken] == list("abcdefghij")
    assert len({name for _, name in taken}) == 1


def test_each_item_that_waits_has_its_turn_in_order(
    taken: list[tuple[str, str]],
) -> None:
    going_on = threading.Event()

    def work(item: str) -> None:
        assert going_on.wait(PATIENCE)
        taken.append((item, _own_name()))

    threads = Threads[str](1, work)
    threads.start()
    for item in "abcdefghij":
        threads.put(item)
    going_on.set()
    threads.end()
    assert [item for item, _ in taken] == list("abcdefghij")


def test_as_many_are_worked_on_at_once_as_there_are_threads() -> None:
    all_at_once = threading.Barrier(4, timeout=PATIENCE)

    def work(_: str) -> None:
        all_at_once.wait()

    threads = Threads[str](4, work)
    threads.start()
    for item in "abcdefgh":
        threads.put(item)
    threads.end()
    assert not all_at_once.broken


def test_the_end_comes_after_all_that_was_put_by_many(
    taken: list[tuple[str, str]],
) -> None:
    threads = Threads[str](3, lambda item: taken.append((item, _own_name())))
    threads.start()
    senders = [
        threading.Thread(target=_put_many, args=(threads, 500)) for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    threads.end()
    assert len(taken) == 2000
    assert not [one for one in threading.enumerate() if one.name.startswith("web-")]


class Large:
    pass


def test_a_thread_that_is_idle_keeps_nothing_of_what_it_did() -> None:
    threads = Threads[Large](1, lambda item: None)
    threads.start()
    item = Large()
    kept = weakref.ref(item)
    threads.put(item)
    del item
    _until(lambda: kept() is None)
    threads.end()


def _own_name() -> str:
    return threading.current_thread().name


def _put_many(threads: Threads[str], number: int) -> None:
    for _ in range(number):
        threads.put("x")


def _has(taken: Sized, number: int) -> bool:
    return len(taken) >= number


def _until(holds: Callable[[], object]) -> None:
    ends = monotonic() + PATIENCE
    while not holds():
        assert monotonic() < ends
        sleep(0.001)
