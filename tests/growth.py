"""How the cost of some work grows with the size of what it is done to."""

import gc
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

LINEAR = 6.5
"""The most that four times as much may cost: it is 4 where linear, 16 where quadratic."""
ROUNDS = 20
LONGEST = 5.0
"""Seconds of processor time that one call may take before the test fails."""


def growth(work: Callable[[int], Any], size: int) -> float:
    """How many times the work on 4 x *size* costs what it costs on *size*.

    In processor time of this thread, the least of a few rounds, so that neighbours on the
    machine do not count. *work* gets the number of the size: what it works on is made
    before, or costs nothing.
    """
    once = four = float("inf")
    ratio = float("inf")
    for _ in range(ROUNDS):
        once = min(once, cost(work, size))
        four = min(four, cost(work, 4 * size))
        ratio = four / once
        if ratio < 0.85 * LINEAR:
            break
    return ratio


def cost(work: Callable[[int], Any], size: int) -> float:
    """Seconds of this thread's processor time.

    The garbage collector looks at all there is, of others too, at chance moments: it is off.
    Work that takes LONGEST fails the test, as it might never end.
    """
    gc.disable()
    begun = time.thread_time()
    try:
        with _at_most(LONGEST):
            work(size)
        return max(time.thread_time() - begun, 1e-4)
    finally:
        gc.enable()


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def fail(*_: object) -> None:
        pytest.fail(f"More than {seconds:.0f} s of processor time.")  # no Exception

    before = signal.signal(signal.SIGPROF, fail)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
