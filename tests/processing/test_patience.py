import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import OperationalError, connection

from processing import circuit_breaker
from processing.database import patience
from processing.database.patience import Patience, within
from processing.models import UnderReview
from tests.database_proxy import DatabaseProxy

only_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="PostgreSQL's client waits; set DATABASE_URL",
)


@pytest.fixture
def database() -> Iterator[DatabaseProxy]:
    """Before the test database, for `connection`."""
    found = connection.settings_dict
    proxy = DatabaseProxy(found["HOST"], int(found["PORT"] or 5432))
    connection.close()
    before = {name: found[name] for name in ("HOST", "PORT")}
    found |= {"HOST": "127.0.0.1", "PORT": str(proxy.port)}
    yield proxy
    proxy.stop()
    connection.close()
    found |= before


def ask() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def seconds_until_it_fails() -> float:
    began = time.monotonic()
    with pytest.raises(OperationalError):
        ask()
    return time.monotonic() - began


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_database_that_hangs_is_waited_for_as_long_as_was_said(
    database: DatabaseProxy,
) -> None:
    ask()
    database.hang()
    with within(0.3):
        assert 0.25 < seconds_until_it_fails() < 1
        assert seconds_until_it_fails() < 0.1, "there is no time left"
    database.go_on()
    connection.close_if_unusable_or_obsolete()
    ask()


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    database: DatabaseProxy,
) -> None:
    ask()
    database.hang()
    with within(0.1), pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 'the late one'")
    database.go_on()
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'the next one'")
        assert cursor.fetchone() == ("the next one",)


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_where_waits_are_limited_a_database_that_hangs_is_soon_asked_no_more(
    database: DatabaseProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FAILURES", 1)
    limited = limited_here(monkeypatch)
    ask()
    database.hang()
    with within(0.1):
        seconds_until_it_fails()
    connection.close()
    assert seconds_until_it_fails() < 0.1
    with pytest.raises(OperationalError, match="of late"):
        UnderReview.objects.create(request_id="r-1")
    database.go_on()
    monkeypatch.setattr(limited._breaker, "_opens_at", 0)
    ask()
    ask()


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_not_answered_counts_like_a_statement(
    database: DatabaseProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FAILURES", 1)
    limited_here(monkeypatch)
    database.hang()
    assert seconds_until_it_fails() > 1
    assert seconds_until_it_fails() < 0.1


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_when_no_time_is_left_a_connection_is_not_lost() -> None:
    ask()
    process = connection.connection.info.backend_pid
    with within(0):
        assert seconds_until_it_fails() < 0.1
    ask()
    assert connection.connection.info.backend_pid == process


@pytest.mark.parametrize("seconds", [0, -1])
def test_when_no_time_is_left_nothing_is_asked(seconds: float) -> None:
    with within(seconds), pytest.raises(OperationalError, match="no time left"):
        Patience().check()


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_the_server_ends_a_long_statement_before_its_client_gives_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "STATEMENT", 1)
    limited_here(monkeypatch)
    connection.close()
    with connection.cursor() as cursor:
        with pytest.raises(OperationalError, match="statement timeout"):
            cursor.execute("SELECT pg_sleep(9)")
        cursor.execute("SELECT 1")
    connection.close()


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_where_waits_are_limited_the_server_ends_what_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited_here(monkeypatch)
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("1min",)
    connection.close()


@only_postgresql
def test_the_server_gives_up_a_statement_whose_process_is_gone(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW client_connection_check_interval")
        assert cursor.fetchone() == ("2s",)


def limited_here(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """As in a web process."""
    limited = Patience()
    limited.limit()
    monkeypatch.setattr("processing.database.base.patience", limited)
    return limited


def test_a_process_that_is_no_web_server_waits_as_long_as_it_takes() -> None:
    assert Patience().left() is None
    with within(5):
        assert 4 < (Patience().left() or 0) <= 5
        with within(60):
            assert (Patience().left() or 0) <= 5, "the shorter one holds"


@only_postgresql
def test_a_connection_ends_soon_when_the_other_machine_is_gone() -> None:
    assert connection.settings_dict["ENGINE"] == "processing.database"
    options = connection.settings_dict["OPTIONS"]
    assert (options["connect_timeout"], options["tcp_user_timeout"]) == (2, 10_000)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite has one lock")
@pytest.mark.django_db(transaction=True)
def test_a_lock_of_sqlite_is_waited_for_as_long_as_was_said_and_then_as_before() -> (
    None
):
    with closing(sqlite3.connect(connection.settings_dict["NAME"], uri=True)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with within(0.2), pytest.raises(OperationalError):
            UnderReview.objects.create(request_id="r-1")
        assert 0.15 < time.monotonic() - began < 2
        other.rollback()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (20_000,)


def test_a_web_process_waits_a_second_longer_than_its_server_works() -> None:
    limited = Patience()
    limited.limit()
    assert limited.left() == patience.STATEMENT + 1
    with within(5):
        assert 4 < (limited.left() or 0) <= 5


def test_after_some_silences_in_a_row_a_web_process_asks_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(circuit_breaker, "monotonic", lambda: now[0])
    limited = Patience()
    limited.limit()
    for _ in range(patience.FAILURES - 1):
        limited.not_answered()
    limited.answered()  # so the count begins anew
    for _ in range(patience.FAILURES):
        limited.check()
        limited.not_answered()
    with pytest.raises(OperationalError, match="no answer of late"):
        limited.check()
    now[0] += patience.PAUSE
    limited.check()  # one asks for all
    with pytest.raises(OperationalError, match="no answer of late"):
        limited.check()
    limited.answered()
    limited.check()
    limited.check()


def test_a_limit_holds_for_its_block_alone() -> None:
    with within(5):
        pass
    assert Patience().left() is None
