"""Make several calls to SQS at once.

A call waits for its answer for most of its time, on AWS for 10 to 30 ms, and moves ten
messages at most. So one after the other moves some 500 messages a second.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

WAYS = 8  # calls under way

Item = TypeVar("Item")
Result = TypeVar("Result")


def at_once(call: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The result of *call* for each of *items*, in order; it must not use the database.

    All calls end before this does, and then it raises the first error of any of them.
    """
    if len(items) < 2:
        return [call(item) for item in items]
    with ThreadPoolExecutor(min(WAYS, len(items)), "sqs") as pool:
        begun = [pool.submit(copy_context().run, call, item) for item in items]
    return [one.result() for one in begun]
