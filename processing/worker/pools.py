"""Which of Celery's pools may run our tasks.

A task that hangs is ended by its time limit. Of Celery's pools only prefork has one: in any
other the heartbeat would keep the message of a hanging task from everybody, for ever.
"""

import gc
from typing import Any

import billiard
from celery.concurrency import get_implementation
from celery.concurrency.prefork import TaskPool

from processing import board


def refuse_without_time_limits(sender: Any, **_: Any) -> None:
    """When a worker starts. Ends it unless its pool is prefork."""
    pool = get_implementation(sender.pool_cls)
    if not issubclass(pool, TaskPool):
        raise SystemExit(
            f"The pool {pool.__module__} has no time limits, so an event that hangs would"
            " never be given up. Start the worker with --pool prefork, or without --pool."
        )


def share_memory(**_: Any) -> None:
    """Before the worker forks a process. Keeps the collector of the process off old objects.

    It would write to each of them, and the system would copy all the memory that they share.
    """
    gc.collect()
    gc.freeze()


def own_a_row(**_: Any) -> None:
    """When a process of the pool starts. It counts in the row of the one that it replaces."""
    board.own(billiard.current_process().index + 1)  # row 0 is the parent's
