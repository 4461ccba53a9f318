"""How beat looks: on a connection that works, for a second at most, and into every store."""

from datetime import timedelta
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import outbox
from dlq_review.models import DeadLetter, LifeSign
from dlq_review.monitoring import machinery_alerts
from processing.database.patience import of_this_process as patience
from processing.models import Outcome
from project import beat, beat_watch
from project.celery import app
from tests.builders import dead_letter


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was done, in its order."""
    taken: list[object] = []
    for module in (beat, beat_watch):
        monkeypatch.setattr(
            module, "close_old_connections", lambda: taken.append("closed")
        )
    return taken


@pytest.mark.parametrize("finds", [True, False])
def test_a_look_has_a_second_and_no_connection_that_is_too_old(
    steps: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, finds: bool
) -> None:
    def look() -> bool:
        left = patience.left()
        steps.append(left is not None and 0 < left <= beat.PATIENCE)
        return finds

    monkeypatch.setitem(beat.LOOKS, "relay", look)
    schedule = str(tmp_path / "schedule")
    scheduler = beat.Scheduler(app=app, schedule_filename=schedule, lazy=True)
    assert not scheduler._may_sleep("relay"), "the first is sent without a look"
    assert steps == []
    scheduler._sent_at["relay"] = monotonic()
    assert scheduler._may_sleep("relay") is not finds
    assert steps == ["closed", True]
    assert not scheduler._may_sleep("pull"), "which has no look"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "age", "is_due"), [(90, 91, True), (90, 89, False), (0, 91, False)]
)
def test_a_text_that_is_kept_too_long_is_something_to_purge(
    settings: Settings, days: int, age: int, *, is_due: bool
) -> None:
    settings.RETENTION_DAYS, settings.HISTORY_DAYS = days, 0
    settings.UNVERIFIED_DAYS = 0
    dead_letter()
    at = timezone.now() - timedelta(days=age)
    DeadLetter.objects.update(
        state="resolved", settled_at=at, last_failed_at=at, first_failed_at=at
    )
    LifeSign.objects.all().delete()
    assert beat.LOOKS["purge"]() is is_due


@pytest.mark.parametrize("error", [None, OperationalError("away")])
def test_beat_sends_alerts_for_some_seconds_and_keeps_no_connection(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception | None,
) -> None:
    told: list[Any] = []

    def deliver(**how: Any) -> None:
        told.append(how)
        if error:
            raise error

    monkeypatch.setattr(outbox, "deliver", deliver)
    close = SimpleNamespace(close_all=lambda: told.append("closed"))
    monkeypatch.setattr(beat_watch, "connections", close)
    beat_watch._send()
    how = {"seconds": beat_watch.SEND_SECONDS, "without": ("sns",)}
    assert told == [how, "closed"]
    logged = ["alerts_sent=0 reason=OperationalError"] if error else []
    assert caplog.messages == logged


@pytest.mark.parametrize(("late", "waits"), [(True, False), (False, True)])
def test_beat_stands_in_only_for_jobs_that_are_late_and_for_alerts_that_wait(
    steps: list[object], monkeypatch: pytest.MonkeyPatch, *, late: bool, waits: bool
) -> None:
    def keep_puller() -> bool:
        left = patience.left()
        steps.append(left is not None and 0 < left <= beat_watch.PATIENCE)
        return late

    now = [1000.0]
    monkeypatch.setattr(beat_watch, "monotonic", lambda: now[0])
    monkeypatch.setattr(machinery_alerts, "keep_puller", keep_puller)
    monkeypatch.setattr(outbox, "due", lambda: waits)
    watch = beat_watch.JobsWatch()
    now[0] += 1000
    watch.look()
    assert steps == ["closed", True]
    assert watch._sender is None
    now[0] += beat_watch.EVERY - 1
    watch.look()
    assert steps == ["closed", True], "not yet again"


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "is_due"), [(401, True), (399, False)])
def test_a_row_that_is_kept_too_long_is_something_to_purge(
    settings: Settings, age: int, *, is_due: bool
) -> None:
    settings.RETENTION_DAYS, settings.HISTORY_DAYS = 0, 400
    Outcome.objects.create(request_id="r-1", kind="processed", type="order_created")
    Outcome.objects.update(at=timezone.now() - timedelta(days=age))
    assert beat.LOOKS["purge"]() is is_due
