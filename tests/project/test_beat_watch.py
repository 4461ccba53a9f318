"""Beat tells that no job runs, and sends that itself."""

from contextlib import nullcontext
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.core import mail
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import outbox
from dlq_review.models import AlertDelivery, LifeSign
from dlq_review.monitoring import machinery_alerts
from project import beat_watch
from project.beat_watch import JobsWatch

Clock = list[float]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    now = [1000.0]
    monkeypatch.setattr(beat_watch, "monotonic", lambda: now[0])
    # The test's transaction would be closed with its connection.
    monkeypatch.setattr(beat_watch, "close_old_connections", lambda: None)
    return now


def pulled(**ago: float) -> None:
    LifeSign.objects.update_or_create(
        name="pull", defaults={"at": timezone.now() - timedelta(**ago)}
    )


def sent_by(watch: JobsWatch) -> None:
    """Wait for the thread that sends."""
    assert isinstance(watch._sender, Thread)
    watch._sender.join(10)
    assert not watch._sender.is_alive()


@pytest.mark.django_db(transaction=True)
def test_beat_stands_in_for_jobs_that_do_not_run(
    settings: Settings, clock: Clock
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    settings.ALERT_TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:alerts"
    pulled(minutes=10)
    watch = JobsWatch()
    clock[0] += 299
    watch.look()
    assert not AlertDelivery.objects.exists(), "beat itself may have been away"
    clock[0] += 1
    watch.look()
    sent_by(watch)
    (told,) = mail.outbox
    assert "No worker has pulled the DLQs for 10 min." in told.subject
    waiting = AlertDelivery.objects.filter(state="waiting")
    topic = waiting.get()
    assert (topic.channel, topic.tries) == ("sns", 0), "only the jobs may publish"
    clock[0] += beat_watch.EVERY
    watch.look()
    sent_by(watch)
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_while_pulls_come_beat_sends_nothing(settings: Settings, clock: Clock) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    pulled(seconds=10)
    watch = JobsWatch()
    clock[0] += 1000
    watch.look()
    assert watch._sender is None
    assert not AlertDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_hangs_holds_one_thread_of_beat(
    settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    pulled(minutes=10)
    released = Event()
    monkeypatch.setattr(outbox, "deliver", lambda **_: released.wait(10))
    watch = JobsWatch()
    clock[0] += 300
    senders = set()
    for _ in range(3):
        watch.look()
        senders.add(watch._sender)
        clock[0] += beat_watch.EVERY
    released.set()
    sent_by(watch)
    assert len(senders) == 1
    watch.look()
    sent_by(watch)
    assert watch._sender not in senders


@pytest.mark.parametrize("error", [OperationalError, OverflowError])
def test_a_look_that_fails_stops_no_beat(
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
) -> None:
    def be_away() -> bool:
        raise error

    monkeypatch.setattr(machinery_alerts, "keep_puller", be_away)
    monkeypatch.setattr(beat_watch, "within", lambda seconds: nullcontext())
    watch = JobsWatch()
    clock[0] += 1000
    watch.look()
    watch.look()
    assert caplog.text.count(f"jobs_watched=0 reason={error.__name__}") == 1
