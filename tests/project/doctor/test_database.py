"""The doctor and the database: away, hanging, of another release, with rows that tell."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from dlq_review.models import LifeSign
from processing.database.base import DatabaseWrapper
from processing.delivery import spool
from processing.models import SpooledEvent
from project.doctor import database_checks
from project.doctor.findings import State
from tests.builders import order_created
from tests.live import free_port
from tests.project.doctor.held import SECRET, held

pytestmark = pytest.mark.django_db


@pytest.fixture
def other_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Let the check ask a PostgreSQL somewhere else, as DATABASE_URL could name."""
    made: list[DatabaseWrapper] = []

    def use(**where: Any) -> None:
        login = {"NAME": "holdfast", "USER": "holdfast", "PASSWORD": SECRET}
        defaults = {"HOST": "127.0.0.1", "ENGINE": "processing.database"}
        options = {"OPTIONS": {"connect_timeout": 2}, "TIME_ZONE": None}
        rest = {"AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
        known = {**login, **defaults, **options, **rest, "TEST": {}, **where}
        made.append(DatabaseWrapper(known, "elsewhere"))
        monkeypatch.setattr(database_checks, "connection", made[-1])

    yield use
    for one in made:
        one.close()


def test_a_database_that_answers_is_told_with_its_version_and_latency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = database_checks.database(None)
    if connection.vendor == "sqlite":
        held(found, State.WARN, "SQLite", "Set DATABASE_URL")
    else:
        held(found, State.OK, " ms.")
        assert found.says.startswith("PostgreSQL 1")
        monkeypatch.setattr(database_checks, "_SLOW", -1)
        held(database_checks.database(None), State.WARN, " ms.", "nearer")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL is far")
@pytest.mark.parametrize(("seconds", "state"), [(0.0155, "ok"), (0.0255, "warn")])
def test_the_time_of_an_answer_is_told_in_milliseconds(
    monkeypatch: pytest.MonkeyPatch, seconds: float, state: str
) -> None:
    clock = iter([7.0, 7.0 + seconds])
    monkeypatch.setattr(database_checks, "monotonic", lambda: next(clock))
    held(database_checks.database(None), State(state), f" {seconds * 1000:.1f} ms.")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL can")
@pytest.mark.parametrize(
    ("setting", "sentence", "advice"),
    [
        ("TRANSACTION READ ONLY", "is read-only", "Name the primary in DATABASE_URL"),
        ("synchronous_commit = off", "a crash of its server forgets", "to on"),
    ],
)
def test_a_database_that_takes_or_keeps_no_rows_is_told(
    setting: str, sentence: str, advice: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET {setting}")  # until the transaction of the test ends
    held(database_checks.database(None), State.FAIL, sentence, advice)


class Settings:
    """A cursor of a PostgreSQL with these settings, where all others are safe."""

    def __init__(self, **found: str) -> None:
        safe = {"transaction_read_only": "off", "fsync": "on"}
        self.found = {**safe, "synchronous_commit": "on", **found}

    def execute(self, sql: str, names: list[list[str]]) -> None:
        assert "pg_settings" in sql
        assert {*names[0]} == {*self.found}

    def fetchall(self) -> list[tuple[str, str]]:
        return [*self.found.items()]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({}, ""),
        ({"synchronous_commit": "local"}, ""),
        ({"transaction_read_only": "on"}, "The database is read-only."),
        ({"fsync": "off"}, "PostgreSQL has fsync off, so"),
        (
            {"fsync": "off", "synchronous_commit": "off"},
            "PostgreSQL has fsync and synchronous_commit off, so",
        ),
    ],
)
def test_a_database_that_would_lose_or_refuse_rows_is_told(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, str], says: str
) -> None:
    monkeypatch.setattr(
        database_checks, "connection", SimpleNamespace(vendor="postgresql")
    )
    unsafe = database_checks._unsafe(Settings(**found))
    assert (unsafe is None) == (says == "")
    if unsafe:
        held(unsafe, State.FAIL, says)


def test_a_database_that_is_away_is_told(other_database: Callable[..., None]) -> None:
    port = free_port()
    other_database(PORT=port)
    found = database_checks.database(None)
    held(found, State.FAIL, "does not answer", "host and port")
    assert found.says == f"The database at 127.0.0.1:{port} does not answer."


def test_a_database_that_hangs_is_told_within_its_time(
    other_database: Callable[..., None], silent: str
) -> None:
    other_database(PORT=int(silent.rpartition(":")[2]))
    begun = timezone.now()
    held(database_checks.database(None), State.FAIL, "does not answer")
    assert timezone.now() - begun < timedelta(seconds=database_checks.PATIENCE + 1)


def test_a_database_or_user_that_does_not_exist_is_told(
    other_database: Callable[..., None],
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("needs PostgreSQL: DATABASE_URL=postgres://...")
    here = connection.settings_dict
    other_database(**{key: here[key] for key in ("HOST", "PORT", "USER")}, NAME="no")
    held(database_checks.database(None), State.FAIL, "has no such", "Create")


def test_a_database_without_the_tls_that_is_asked_for_is_told(
    other_database: Callable[..., None],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=refuse_tls, args=(server,), daemon=True).start()
        options = {"OPTIONS": {"sslmode": "require", "connect_timeout": 2}}
        other_database(PORT=server.getsockname()[1], **options)
        found = database_checks.database(None)
    held(found, State.FAIL, "does not speak TLS", "sslmode")


def refuse_tls(server: socket.socket) -> None:
    """As a PostgreSQL without certificates answers an SSLRequest."""
    client, _ = server.accept()
    with client:
        client.recv(8)
        client.sendall(b"N")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            'FATAL: password authentication failed for user "ada"',
            "user or the password",
        ),
        ('FATAL: no pg_hba.conf entry for host "10.0.0.7"', "lets no connection"),
        ("FATAL: sorry, too many clients already", "no connection left"),
        ("PostgreSQL 14 or later is required (found 12.1).", "too old"),
        ("The database gave no answer.", "does not answer"),
    ],
)
def test_what_a_database_says_is_told_without_names(
    monkeypatch: pytest.MonkeyPatch, text: str, part: str
) -> None:
    def refuse() -> None:
        raise OperationalError(text)

    monkeypatch.setattr(connection, "cursor", refuse)
    found = database_checks.database(None)
    held(found, State.FAIL, part)
    assert "ada" not in found.says.partition(" at ")[2]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize(("port", "told"), [("", ""), ("5433", ":5433")])
def test_a_database_is_told_by_its_address(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], port: str, told: str
) -> None:
    def refuse() -> None:
        raise error("connection is closed")

    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setitem(connection.settings_dict, "HOST", "db.example.com")
    monkeypatch.setitem(connection.settings_dict, "PORT", port)
    says = f"The database at db.example.com{told} does not answer."
    held(database_checks.database(None), State.FAIL, says)


def test_migrations_that_are_missing_or_of_a_newer_release_are_named() -> None:
    held(database_checks.migrations(None), State.OK, "are applied")
    recorder = MigrationRecorder(connection)
    recorder.record_applied("dlq_review", "9999_of_tomorrow")
    found = database_checks.migrations(None)
    held(found, State.WARN, "dlq_review.9999_of_tomorrow", "docs/upgrade.md")
    for number in (3, 1, 2):
        recorder.record_applied("intake", f"000{number}_of_tomorrow")
    first = ", ".join(f"intake.000{number}_of_tomorrow" for number in (1, 2))
    found = database_checks.migrations(None)
    says = f"newer release, by dlq_review.9999_of_tomorrow, {first}."
    held(found, State.WARN, says)
    recorder.record_unapplied("processing", "0001_initial")
    found = database_checks.migrations(None)
    held(found, State.FAIL, "the first is processing.0001_initial", "manage.py migrate")


def test_events_that_wait_too_long_in_the_spool_are_told() -> None:
    held(database_checks.spool(None), State.OK, "No event waits")
    spool.add(order_created(), "Timeout")
    held(database_checks.spool(None), State.OK, "1 events wait")
    SpooledEvent.objects.update(created_at=timezone.now() - timedelta(hours=1))
    held(database_checks.spool(None), State.WARN, "the oldest for 60 min", "beat")
    spool.add(order_created(), "Timeout")
    says = "2 events wait in the spool, the oldest for 60 min"
    held(database_checks.spool(None), State.WARN, says)
    SpooledEvent.objects.update(created_at=timezone.now() - timedelta(hours=25))
    held(database_checks.spool(None), State.WARN, "the oldest for 1500 min")


def test_beat_and_jobs_that_are_not_seen_are_told() -> None:
    held(database_checks.signs_of_life(None), State.WARN, "pulled a DLQ yet", "beat")
    now = timezone.now()
    LifeSign.objects.bulk_create(LifeSign(name=one, at=now) for one in HEARD)
    held(database_checks.signs_of_life(None), State.OK, "at work")
    LifeSign.objects.filter(name="pull").update(at=now - timedelta(hours=3))
    held(database_checks.signs_of_life(None), State.FAIL, "for 180 min", "beat")
    LifeSign.objects.filter(name="settle").delete()  # one that is late is worse
    held(database_checks.signs_of_life(None), State.FAIL, "for 180 min", "beat")


HEARD = ("pull", "settle")
