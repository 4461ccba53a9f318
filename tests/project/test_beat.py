"""Beat lets a job sleep while there is no work for it, and no longer."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.alerts import raising
from dlq_review.alerts.kinds import GROWTH
from dlq_review.groups.merge import merge
from dlq_review.models import DeadLetter
from dlq_review.monitoring.health import LONGEST_SLEEP
from dlq_review.redrive import sender
from processing.delivery import processor, spool
from processing.models import SpooledEvent
from processing.sqs import queues
from processing.tasks import relay
from project import beat, beat_watch
from project.celery import app
from tests.builders import dead_letter, failure, message, order_created
from tests.dlq_review.operation_runs import started
from tests.dlq_review.policies import active

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=30)


class Beat:
    """Beat's own scheduler, whose time a test moves on."""

    def __init__(self, folder: Path, clock: Any, sent: Callable[[str], Any]) -> None:
        self.now = 0.0
        self.clock = clock
        self.sent = sent
        self.scheduler = beat.Scheduler(
            app=app, schedule_filename=str(folder / "schedule"), lazy=True
        )
        self.scheduler.setup_schedule()
        self.scheduler.apply_async = lambda entry, **_: self.sent(entry.name)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            wait = max(0.01, min(self.scheduler.tick(), end - self.now))
            self.now += wait
            self.clock.shift(wait)


@pytest.fixture
def sent() -> Counter[str]:
    return Counter()


@pytest.fixture
def running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: Counter[str]
) -> Iterator[Beat]:
    """Beat, which has sent each job once at its start."""
    # The test's transaction would be closed with its connection.
    for module in (beat, beat_watch):
        monkeypatch.setattr(module, "close_old_connections", lambda: None)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        one = Beat(tmp_path, clock, lambda name: sent.update([name]))
        monkeypatch.setattr(beat, "monotonic", lambda: one.now)
        one.run(61)
        assert set(sent) >= {"pull", *beat.LOOKS}
        sent.clear()
        yield one


def test_an_idle_month_has_less_than_a_hundred_thousand_jobs_and_some_of_each(
    running: Beat, sent: Counter[str]
) -> None:
    """After the longest sleep a job is sent without a look."""
    running.run(LONGEST_SLEEP.total_seconds())
    jobs = sent.total() * (MONTH / LONGEST_SLEEP)
    assert 80_000 < jobs < 100_000, sent
    running.run(60)
    assert {name: sent[name] for name in beat.LOOKS} == dict.fromkeys(beat.LOOKS, 1)


def test_beat_sends_the_jobs_of_the_schedule_and_no_other(running: Beat) -> None:
    assert running.scheduler.schedule.keys() == settings.CELERY_BEAT_SCHEDULE.keys()


def test_beat_watches_the_jobs_with_each_tick(
    running: Beat, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    monkeypatch.setattr(
        beat_watch.JobsWatch, "look", lambda _: looks.append(running.now)
    )
    running.run(30)
    assert len(looks) > 2


def open_letter_of_a_processed_request() -> None:
    event = order_created()
    dead_letter(event)
    processor.handle(message(event))


def redriven_letter_of_a_processed_request() -> None:
    event = order_created()
    redriven = dead_letter(event)
    DeadLetter.objects.filter(pk=redriven.pk).update(state="redriven")
    processor.handle(message(event))


def claim_of_a_process_that_ended() -> None:
    DeadLetter.objects.filter(pk=dead_letter().pk).update(
        state="claimed", claimed_at=timezone.now() - sender.CLAIM_LASTS
    )


def redrive_whose_undo_window_has_ended() -> None:
    DeadLetter.objects.filter(pk=dead_letter().pk).update(
        state="claimed", claimed_at=timezone.now(), send_after=timezone.now()
    )


def letter_that_arrived_during_a_merge() -> None:
    one, other = dead_letter(), dead_letter(attributes=failure())
    merge(one.group, other.group, by="ada", reason="test")
    DeadLetter.objects.filter(pk=one.pk).update(group=one.origin or one.group_id)
    stray = dead_letter()
    DeadLetter.objects.filter(pk=stray.pk).update(group=one.group_id, origin=None)


@pytest.mark.parametrize(
    ("job", "work"),
    [
        ("relay", lambda: spool.add(order_created(), "Timeout")),
        ("operate", lambda: started(1)),
        ("operate", active),
        ("archive", dead_letter),
        ("tell", lambda: raising.begin(GROWTH, "orders", "Many.")),
        ("settle", open_letter_of_a_processed_request),
        ("settle", redriven_letter_of_a_processed_request),
        ("settle", claim_of_a_process_that_ended),
        ("settle", redrive_whose_undo_window_has_ended),
        ("settle", letter_that_arrived_during_a_merge),
    ],
)
def test_work_wakes_its_job_within_the_time_of_its_schedule(
    running: Beat,
    sent: Counter[str],
    settings: Settings,
    sqs: None,
    job: str,
    work: Callable[[], object],
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    settings.ARCHIVE_BUCKET = "archive" if job == "archive" else ""
    work()
    if job != "tell":  # a new kind of failure is an alert too
        settings.ALERT_EMAILS = []
    every = settings.CELERY_BEAT_SCHEDULE[job]["schedule"]
    running.run(every + 0.1)
    assert sent[job] == 1
    assert not {*sent} - {job, "pull"}


def test_a_job_that_was_lost_is_sent_again_until_its_work_is_done(
    running: Beat, sent: Counter[str], sqs: None
) -> None:
    spool.add(order_created(), "Timeout")
    running.run(31)
    assert sent["relay"] == 3, "nobody has done it"
    assert relay() == 1
    assert queues.depth("orders").visible == 1
    running.run(60)
    assert sent["relay"] == 3


@pytest.mark.parametrize("error", [OperationalError("away"), ValueError("a fault")])
def test_while_a_look_fails_jobs_are_sent_as_if_there_were_work(
    running: Beat,
    sent: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> bool:
        raise error

    monkeypatch.setitem(beat.LOOKS, "relay", fail)
    running.run(31)
    assert sent["relay"] == 3
    assert sent["settle"] == 0
    assert f"job=relay looked=0 reason={type(error).__name__}" in caplog.messages


def test_each_look_finds_nothing_once_its_job_has_run(sqs: None) -> None:
    spool.add(order_created(), "Timeout")
    open_letter_of_a_processed_request()
    claim_of_a_process_that_ended()
    assert beat.LOOKS["relay"]()
    assert beat.LOOKS["settle"]()
    relay()
    tasks.settle()
    assert not SpooledEvent.objects.exists()
    assert not beat.LOOKS["relay"]()
    assert not beat.LOOKS["settle"]()
