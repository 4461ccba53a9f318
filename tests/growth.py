"""How the cost of some work grows with the size of what it is done to."""

import gc
import time
from collections.abc import Callable
from typing import Any

LINEAR = 6.5
"""The most that four times as much may cost: it is 4 where linear, 16 where quadratic."""
ROUNDS = 6


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
    """Seconds of this thread's processor time."""
    gc.disable()  # it would look at all there is, of others too, at chance moments
    begun = time.thread_time()
    try:
        work(size)
        return max(time.thread_time() - begun, 1e-4)
    finally:
        gc.enable()
