"""The health of the machinery: signs of life, drift of the queues, their depths."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from dlq_review.letters import retention
from dlq_review.models import AlertDelivery, LifeSign, RedrivePolicy
from processing.sqs import provision, queues
from processing.sqs.topology import QUEUES, Queue

DRIFT_CHECK = timedelta(minutes=10)
#: Beat sends a job that has nothing to do this often all the same (project/beat.py).
LONGEST_SLEEP = timedelta(minutes=30)
_MOST_COUNTED = 1_000
_MOST_TOLD = 5  # policies; the list of policies shows all
_GIVEN_UP_LATELY = timedelta(days=3)
_LATE = 5  # pulls missed before somebody is told


def sign(name: str, trouble: str = "") -> None:
    """Record that the part called *name* is alive, and its problem if it has one."""
    LifeSign.objects.update_or_create(
        name=name,
        defaults={
            "at": timezone.now(),
            "worker": settings.WORKER_NAME,
            "trouble": trouble[:2_000],
        },
    )


def check_queues() -> None:
    """Compare the queues with their declaration, once every DRIFT_CHECK."""
    fresh = timezone.now() - DRIFT_CHECK
    if not LifeSign.objects.filter(name="queues", at__gt=fresh).exists():
        try:
            drift = provision.ensure_queues(create=False)
        except queues.SQS_ERRORS as error:
            drift = [f"The queues cannot be checked: {type(error).__name__}"]
        sign("queues", "\n".join(drift))


def warnings() -> list[str]:
    """One sentence for each thing that is wrong; empty while all is well."""
    never, late = silences()
    found = [*never, *late]
    signs = LifeSign.objects.all()
    found += [line for one in signs for line in one.trouble.splitlines()]
    found += [*_kept_for_archive(), *_stopped_policies(), *_given_up_alerts()]
    return found


def silences() -> tuple[list[str], list[str]]:
    """One sentence for each part that gave no sign of life: ever, and for too long."""
    signs = {one.name: one for one in LifeSign.objects.all()}
    never, late = [], []
    for name, what, longest in _expected():
        seen = signs.get(name)
        if seen is None:
            never.append(f"No worker has {what} yet. Are a worker and beat running?")
        elif seen.at < timezone.now() - longest:
            since = int((timezone.now() - seen.at).total_seconds() // 60)
            late.append(
                f"No worker has {what} for {since} min. Are a worker and beat running?"
            )
    return never, late


def _expected() -> Iterator[tuple[str, str, timedelta]]:
    """The name of each life sign, what it says, and how old it may be."""
    every = float(settings.CELERY_BEAT_SCHEDULE["pull"]["schedule"])
    yield "pull", "pulled a DLQ", timedelta(seconds=max(60, _LATE * every))
    yield "settle", "settled dead letters", 2 * LONGEST_SLEEP
    if settings.ARCHIVE_BUCKET:
        yield "archive", "looked for messages to archive", 2 * LONGEST_SLEEP


def _kept_for_archive() -> list[str]:
    if not (settings.ARCHIVE_BUCKET and settings.RETENTION_DAYS):
        return []
    # What became due a day ago would be purged long since.
    before = timezone.now() - timedelta(days=settings.RETENTION_DAYS + 1)
    kept = retention.unarchived(before)[:_MOST_COUNTED].count()
    if not kept:
        return []
    more = "+" if kept == _MOST_COUNTED else ""
    return [
        "Settled dead letters whose bodies are kept longer than RETENTION_DAYS, because the"
        f" archive does not have them yet: {kept}{more}."
    ]


def _stopped_policies() -> list[str]:
    stopped = RedrivePolicy.objects.filter(state=RedrivePolicy.State.STOPPED)
    return [
        f"Redrive policy {one.pk} has stopped. {one.halted}"
        for one in stopped[:_MOST_TOLD]
    ]


def _given_up_alerts() -> Iterator[str]:
    """One sentence for each channel that did not take an alert lately."""
    rows = AlertDelivery.objects.filter(state=AlertDelivery.State.GIVEN_UP)
    lately = rows.filter(created_at__gte=timezone.now() - _GIVEN_UP_LATELY)
    counted = lately.order_by().values_list("channel").annotate(number=Count("pk"))
    for channel, number in counted.order_by("channel"):
        yield f"Alerts that were given up, because {channel} did not take them: {number}."


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """The messages on a queue and on its DLQ; None if SQS refuses to count them."""

    name: str
    visible: int | None
    in_flight: int | None
    dead: int | None
    refused: str
    """Which of the two SQS refuses to count, and its error code; empty if neither."""


def depths() -> list[QueueDepth] | None:
    """One entry for each queue; None if SQS does not answer at all."""
    try:
        found = queues.depths()
    except queues.SQS_ERRORS:
        return None
    return [_depth(queue, found) for queue in QUEUES.values()]


def _depth(queue: Queue, found: queues.Depths) -> QueueDepth:
    source, dead = found.known.get(queue.name), found.known.get(queue.dlq)
    refused = [
        f"{name}: {found.refused[name]}"
        for name in (queue.name, queue.dlq)
        if name in found.refused
    ]
    return QueueDepth(
        queue.name,
        source.visible if source else None,
        source.in_flight if source else None,
        dead.visible + dead.in_flight if dead else None,
        ", ".join(refused),
    )
