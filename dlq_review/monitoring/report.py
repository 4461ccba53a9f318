"""Measure the gauges, and store them in one row for all web processes.

A report costs SQS two calls a queue. So it is made each minute only while something waits
or has moved, and otherwise every few minutes. The pull makes it (dlq_review/tasks.py), so
that an idle system has no job for it.
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from dlq_review.models import AuditEntry, Report
from dlq_review.monitoring import books, letter_figures, queue_figures
from dlq_review.monitoring.gauges import ALL
from dlq_review.monitoring.measured import Figures
from processing.metrics import emf
from processing.metrics.exposition import Family, Sample
from processing.models import ALL_QUEUES, QueueProgress, QueueRecord, WorkerSign
from processing.sqs.topology import QUEUES

EACH = timedelta(seconds=60)
EACH_WHEN_IDLE = timedelta(seconds=240)
#: Gauges that CloudWatch is told, with the names that it gets.
FOR_CLOUDWATCH = {
    "SpooledEvents": "holdfast_spool_events",
    "Unaccounted": "holdfast_unaccounted",
    "ArchiveWaiting": "holdfast_archive_waiting",
}
#: Gauges whose past the overview shows, by the fields of QueueRecord.
FOR_OVERVIEW = {
    "oldest": "holdfast_queue_oldest_seconds",
    "workers": "holdfast_workers",
    "spooled": "holdfast_spool_events",
}
_EARLY = timedelta(seconds=2)  # the pull does not come to the second


def refresh() -> bool:
    """Make a report if one is due; whether it was made."""
    last = Report.objects.filter(pk=Report.ONLY).first()
    if last is not None and not _is_due(last):
        return False
    now = timezone.now()
    counted = queue_figures.count(now.timestamp(), last.empty_at if last else {})
    figures = counted.figures
    figures.add("holdfast_jobs_seen_timestamp_seconds", now.timestamp())
    is_busy = [
        counted.is_busy,
        letter_figures.add_letters(figures),
        letter_figures.add_spool(figures),
        letter_figures.add_archive(figures),
        letter_figures.add_operations(figures),
    ]
    letter_figures.add_ages(figures)
    queue_figures.add_workers(figures)
    for reason, number in books.unaccounted().items():
        figures.add("holdfast_unaccounted", number, reason)
    Report.objects.update_or_create(
        pk=Report.ONLY,
        defaults={
            "at": now,
            "figures": figures.by_name,
            "empty_at": counted.empty_at,
            "is_busy": any(is_busy),
        },
    )
    QueueRecord.measure(now, _for_overview(figures))
    return True


def _for_overview(figures: Figures) -> dict[str, dict[str, float]]:
    """By queue, and for the whole system, by the names of QueueRecord."""
    found: dict[str, dict[str, float]] = {
        ALL_QUEUES: {},
        **{name: {} for name in QUEUES},
    }
    for name, gauge in FOR_OVERVIEW.items():
        for values, figure in figures.by_name.get(gauge, ()):
            found[values[0] if values else ALL_QUEUES][name] = figure
    found[ALL_QUEUES]["workers"] = WorkerSign.alive().count()
    return found


def _is_due(last: Report) -> bool:
    age = timezone.now() - last.at + _EARLY
    if age < EACH:
        return False
    return (
        age >= EACH_WHEN_IDLE
        or last.is_busy
        or QueueProgress.objects.filter(at__gte=last.at).exists()
        or AuditEntry.objects.filter(at__gte=last.at).exists()
    )


def tell_cloudwatch() -> None:
    """One line at each pull, also where nothing waits: whether it comes is watched too."""
    if settings.METRICS_EMF:
        figures = last_figures().by_name
        told: dict[str, float] = {"OpenDeadLetters": letter_figures.waiting_letters()}
        for name, gauge in FOR_CLOUDWATCH.items():
            told[name] = sum(figure for _, figure in figures.get(gauge, ()))
        workers = figures.get("holdfast_workers", ())
        told["QueuesWithoutWorker"] = sum(not number for _, number in workers)
        emf.tell([emf.of_system(told)])


def last_figures() -> Figures:
    """The figures of the last report."""
    last = Report.objects.filter(pk=Report.ONLY).first()
    return Figures.stored(last.figures if last else {})


def shown() -> list[Family]:
    """All gauges, with the figures of the last report."""
    figures = last_figures().by_name
    return [
        Family(
            gauge.name,
            "gauge",
            gauge.meaning,
            [
                Sample(dict(zip(gauge.labels, values, strict=True)), figure)
                for values, figure in figures.get(gauge.name, ())
            ],
        )
        for gauge in ALL.values()
    ]
