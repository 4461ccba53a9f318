"""End what takes too long in this process, at any line of it, and leave no transaction open."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, connections


class TookTooLongError(BaseException):
    """The time is over. No `except Exception` of a handler catches it."""


@contextmanager
def interrupt_after(seconds: float) -> Iterator[None]:
    """Raise TookTooLongError in this block after *seconds*; in the main thread only.

    Celery runs tasks there. Nothing else here uses SIGALRM. An error that comes of the
    interruption, as Django's after an interrupted COMMIT, is raised as TookTooLongError.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_armed = True

    def strike(*_: Any) -> None:
        nonlocal is_armed
        if is_armed:
            is_armed = False
            raise TookTooLongError

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:
        if is_armed:
            raise
        raise TookTooLongError from error
    finally:
        is_armed = False  # a signal may be on its way
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def time_limit_behind(error: BaseException | None) -> SoftTimeLimitExceeded | None:
    """The time limit that *error* comes of: Django raises its own after an interrupted COMMIT."""
    while error is not None and not isinstance(error, SoftTimeLimitExceeded):
        error = error.__context__
    return error


def drop_connection() -> None:
    """Close the connection after an interruption.

    It may have come between a BEGIN and Django's note of it, or between that note and the
    block that takes it back. So the notes go, too, where Django keeps them.
    """
    connection.close()
    if connection.in_atomic_block:
        del connections[connection.alias]
