"""How long the database is waited for, so that one that hangs holds nobody for ever.

A server's own time limits (`statement_timeout`) end what takes long, and the limits of TCP
end a connection whose other machine is gone. Neither helps where the machine answers and
the database does not: it is stopped, its disk hangs, a pooler is stuck. So the client
counts too, and closes the connection.
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
    """That of one process."""

    def __init__(self) -> None:
        self.statement = 0
        """Seconds for one statement; 0 for no limit."""
        self._breaker: Breaker | None = None

    def limit(self) -> None:
        """From now on nothing waits for ever: a web server's threads are few."""
        self.statement = STATEMENT
        self._breaker = Breaker(FAILURES, PAUSE)

    def left(self) -> float | None:
        """Seconds for the next answer; None for no limit."""
        longest = self.statement + 1 if self.statement else inf
        left = min(_until.get() - monotonic(), longest)
        return None if left == inf else max(0.0, left)

    def check(self) -> None:
        """Raises OperationalError where it is vain to ask."""
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
    """What is asked of the database in here fails when all of it takes longer.

    It fails with OperationalError; a new connection may take two seconds by itself. On
    SQLite, which answers or is locked, each wait for a lock takes so long at most.
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
