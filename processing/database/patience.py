"""Time limits in the client, so that a database that hangs blocks nobody for ever.

The server's own limit (`statement_timeout`) ends a slow statement, and TCP's limits end a
connection to a machine that is gone. Neither helps if the machine answers and the database
does not, because it is stopped, its disk hangs or a pooler is stuck. So the client measures
the time too, and closes the connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any

from django.db import OperationalError, connection

from processing.circuit_breaker import Breaker

STATEMENT = 60  # seconds one statement of a page may take
FAILURES = 3  # in a row, after which this process does not ask for PAUSE
PAUSE = 5.0  # seconds

_until: ContextVar[float] = ContextVar("until", default=inf)


class Patience:
    """The time limits of one process."""

    def __init__(self) -> None:
        self.statement = 0
        """Seconds for one statement; 0 for no limit."""
        self._breaker: Breaker | None = None

    def limit(self) -> None:
        """Limit every statement from now on: a web server has few threads."""
        self.statement = STATEMENT
        self._breaker = Breaker(FAILURES, PAUSE)

    def left(self) -> float | None:
        """Seconds for the next answer; None for no limit."""
        longest = self.statement + 1 if self.statement else inf
        left = min(_until.get() - monotonic(), longest)
        return None if left == inf else max(0.0, left)

    def check(self) -> None:
        """Raises OperationalError if no time is left or the breaker is open."""
        if self.left() == 0:
            raise OperationalError("There is no time left to ask the database.")
        if self._breaker is not None and not self._breaker.lets_through():
            raise OperationalError("The database gave no answer of late.")

    def answered(self) -> None:
        if self._breaker is not None:
            self._breaker.succeeded()

    def not_answered(self) -> None:
        if self._breaker is not None:
            self._breaker.failed("NoAnswer")


of_this_process = Patience()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit all queries of this block together to *seconds*.

    Beyond that they raise OperationalError. A new connection alone may take two seconds.
    SQLite either answers or is locked, so there the limit applies to each wait for a lock.
    """
    token = _until.set(min(_until.get(), monotonic() + seconds))
    try:
        with _locks_within(seconds):
            yield
    finally:
        _until.reset(token)


@contextmanager
def _locks_within(seconds: float) -> Iterator[None]:
    if connection.vendor != "sqlite":
        yield
        return

    def execute(ask: Any, *asked: Any) -> Any:
        _wait_for_locks(seconds)
        return ask(*asked)

    try:
        with connection.execute_wrapper(execute):
            yield
    finally:
        if connection.connection is not None:
            _wait_for_locks(connection.settings_dict["OPTIONS"].get("timeout", 5))


def _wait_for_locks(seconds: float) -> None:
    driver: Any = connection.connection
    driver.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
