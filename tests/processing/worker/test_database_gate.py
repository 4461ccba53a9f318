import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from processing.models import UnderReview
from processing.worker import database_gate
from processing.worker.database_gate import DatabaseGate, database_answers
from tests.live import database_url, wait_for

WAITING_FOR_A_LOCK = (
    "SELECT query FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_writes_answers_and_keeps_no_row() -> None:
    assert database_answers()
    assert connection.connection is None, "a child that is forked would share it"
    assert not UnderReview.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "NAME", "/no/such/database")
        assert not database_answers()
    assert database_answers()


def test_the_gate_asks_only_after_a_failure_and_opens_when_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(database_gate, "database_answers", lambda: next(answers))
    monkeypatch.setattr(database_gate, "REST", 0)
    gate = DatabaseGate()
    assert gate.is_open()
    gate.doubt()
    assert [gate.is_open() for _ in range(5)] == [False, False, True, True, True]
    assert caplog.messages == ["receiving=stopped", "receiving=resumed"]


def test_one_answer_holds_for_all_queues_that_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    answers = iter([False, True])
    monkeypatch.setattr(database_gate, "database_answers", lambda: next(answers))
    monkeypatch.setattr(database_gate, "monotonic", lambda: now)
    gate = DatabaseGate()
    gate.doubt()
    assert [gate.is_open() for _ in range(4)] == [False] * 4
    now += database_gate.REST
    assert gate.is_open()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite has one lock")
@pytest.mark.django_db(transaction=True)
def test_it_does_not_wait_for_whoever_keeps_the_only_lock() -> None:
    patience = settings.DATABASES["default"]["OPTIONS"]["timeout"]
    with (
        closing(sqlite3.connect(connection.settings_dict["NAME"], uri=True)) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert not thread.submit(database_answers).result(timeout=patience / 2)
        other.rollback()
    assert database_answers()


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="locks a table; set DATABASE_URL"
)
@pytest.mark.django_db(transaction=True)
def test_it_does_not_wait_for_a_locked_table_and_leaves_nobody_waiting_there() -> None:
    url = database_url().replace("postgres://", "postgresql://", 1)
    with (
        closing(psycopg.connect(url)) as other,
        closing(psycopg.connect(url, autocommit=True)) as watching,
        ThreadPoolExecutor(1) as thread,
    ):
        other.execute("LOCK TABLE processing_underreview IN ACCESS EXCLUSIVE MODE")
        try:
            assert not thread.submit(database_answers).result(timeout=10)
            wait_for(
                lambda: not watching.execute(WAITING_FOR_A_LOCK).fetchall(), patience=5
            )
        finally:
            other.rollback()
    assert database_answers()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL can")
@pytest.mark.django_db
def test_the_server_itself_gives_up_a_check_before_the_worker_does() -> None:
    database_gate._limit_server()
    before = f"{database_gate.PATIENCE * 800}ms"
    with connection.cursor() as cursor:
        for name in ("lock_timeout", "statement_timeout"):
            cursor.execute(
                "SELECT %s::interval = current_setting(%s)::interval", [before, name]
            )
            assert cursor.fetchone() == (True,), name
