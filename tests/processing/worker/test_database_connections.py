"""How often a process of the pool checks its database connections."""

from collections.abc import Callable

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, connections

from processing.worker import database_connections
from processing.worker.database_connections import (
    close_what_was_interrupted,
    keep_only_good_connections,
)

Checks = Callable[[float], int]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    """Work on an event at a time, in seconds, and tell how many checks there were."""
    done: list[None] = []
    now = [0.0]
    monkeypatch.setattr(database_connections, "_next_check", 0.0)
    monkeypatch.setattr(database_connections, "monotonic", lambda: now[0])
    monkeypatch.setattr(
        database_connections, "close_old_connections", lambda: done.append(None)
    )

    def work(at: float) -> int:
        now[0] = at
        keep_only_good_connections()
        return len(done)

    return work


@pytest.mark.django_db
def test_connections_are_checked_once_a_second(checks: Checks) -> None:
    assert [checks(at) for at in (10, 10.5, 10.9, 11, 11.9, 12)] == [1, 1, 1, 2, 2, 3]


@pytest.mark.django_db
def test_after_an_error_they_are_checked_at_once(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.ensure_connection()
    assert checks(10) == 1
    monkeypatch.setattr(connection, "errors_occurred", True)
    assert [checks(at) for at in (10.1, 10.2)] == [2, 3]


@pytest.mark.parametrize(
    ("error", "closed"), [(SoftTimeLimitExceeded(), 1), (ValueError(), 0)]
)
def test_only_what_ran_out_of_time_closes_them(
    monkeypatch: pytest.MonkeyPatch, error: Exception, closed: int
) -> None:
    done: list[None] = []
    monkeypatch.setattr(connections, "close_all", lambda: done.append(None))
    close_what_was_interrupted(error)
    assert len(done) == closed
