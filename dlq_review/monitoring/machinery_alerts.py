"""Alerts about Holdfast itself: what ought to run and does not, and what is missing.

The pull looks at all of it. Whether the pull itself runs, beat looks too (project/beat.py).
"""

from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import ARCHIVE_BEHIND, NO_WORKER, PULLER_LATE, UNACCOUNTED
from dlq_review.models import Arrival, LifeSign, Report
from dlq_review.monitoring.books import DISCREPANCIES
from dlq_review.monitoring.measured import Figures
from processing.sqs.topology import EVENT_QUEUES

_PULLS = 5  # pulls missed, at least, before somebody is told
_FRESH = timedelta(minutes=10)  # an older report says nothing of now


def look() -> None:
    keep_puller()
    raising.keep(ARCHIVE_BEHIND, _archive())
    report = Report.objects.filter(pk=Report.ONLY).first()
    if report is not None and report.at > timezone.now() - _FRESH:
        raising.keep(NO_WORKER, _queues_without_worker(report))
        raising.keep(UNACCOUNTED, _unaccounted(report))


def keep_puller() -> bool:
    """Raise or end the alert about the pull; whether it is late."""
    found = _puller()
    raising.keep(PULLER_LATE, found)
    return bool(found)


def pull_may_take() -> timedelta:
    every = float(settings.CELERY_BEAT_SCHEDULE["pull"]["schedule"])
    return timedelta(seconds=max(settings.ALERT_PULL_LATE_SECONDS, _PULLS * every))


def _puller() -> dict[str, raising.Said]:
    seen = LifeSign.objects.filter(name="pull").values_list("at", flat=True).first()
    now = timezone.now()
    if seen is not None and seen >= now - pull_may_take():
        return {}
    since = f" for {_minutes(now - seen)} min" if seen else ""
    return {
        "dlqs": (
            f"No worker has pulled the DLQs{since}. Does a worker of the queue jobs run,"
            " and does SQS answer it?",
            "/admin/",
        )
    }


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


def _queues_without_worker(report: Report) -> dict[str, raising.Said]:
    """Queues whose messages wait, while no worker holds any."""
    figures = Figures.stored(report.figures).by_name
    waiting = _by_label(figures, "holdfast_queue_messages")
    held = _by_label(figures, "holdfast_queue_in_flight")
    oldest = _by_label(figures, "holdfast_queue_oldest_seconds")
    return {
        queue: (
            f"{waiting[queue]:.0f} messages wait on {queue}, the oldest for about"
            f" {oldest[queue] / 60:.0f} min, and no worker holds any. Does a worker of"
            f" {queue} run?",
            "/admin/",
        )
        for queue in EVENT_QUEUES
        if waiting.get(queue)
        and not held.get(queue)
        and oldest.get(queue, 0) >= settings.ALERT_NO_WORKER_SECONDS
    }


def _unaccounted(report: Report) -> dict[str, raising.Said]:
    figures = Figures.stored(report.figures).by_name
    counted = _by_label(figures, "holdfast_unaccounted")
    return {
        reason: (
            f"{number:.0f} requests are unaccounted for: {DISCREPANCIES[reason]}."
            " `manage.py books` names them.",
            "/admin/",
        )
        for reason, number in counted.items()
        if reason in DISCREPANCIES and number >= settings.ALERT_UNACCOUNTED
    }


def _by_label(figures: Mapping[str, object], name: str) -> dict[str, float]:
    """The figures of a gauge with one label, by its value."""
    rows = figures.get(name, ())
    return {values[0]: float(figure) for values, figure in rows}  # type: ignore[attr-defined]


def _archive() -> dict[str, raising.Said]:
    if not settings.ARCHIVE_BUCKET:
        return {}
    pulled = Arrival.unarchived().order_by("pk").values_list("pulled_at", flat=True)
    first = pulled.first()
    late = timedelta(seconds=settings.ALERT_ARCHIVE_SECONDS)
    if first is None or first > timezone.now() - late:
        return {}
    return {
        "s3": (
            "The archive is behind: a message that was pulled"
            f" {_minutes(timezone.now() - first)} min ago is not in it. The messages are"
            " kept here.",
            "/admin/",
        )
    }
