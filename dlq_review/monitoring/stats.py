"""The figures of the overview, by queue, for a terminal or a monitor. Reads only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone

from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.monitoring import deadlines, health
from dlq_review.monitoring.failure_rates import failures_by_queue
from processing.sqs.topology import QUEUES

TOP = 10  # groups


@dataclass(frozen=True, slots=True)
class QueueStats:
    name: str
    open: int
    """Dead letters that wait for staff."""
    failing_now: int
    """Failures in this hour and the last one."""
    oldest: datetime | None
    """When the oldest waiting letter first failed."""
    expiring_24h: int
    """Open letters whose message SQS would drop within a day."""
    expiring_72h: int
    redriven: int
    """Letters that were redriven and have no outcome yet."""
    overdue: int
    """Redriven letters without an outcome for REDRIVE_OVERDUE_SECONDS."""
    dlq: int | None
    """Messages in the DLQ that are not pulled yet; None if SQS does not answer."""


@dataclass(frozen=True, slots=True)
class GroupStats:
    number: int
    queue: str
    type: str
    error: str
    place: str
    state: str
    waiting: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Stats:
    at: datetime
    queues: list[QueueStats]
    groups: list[GroupStats]
    """The groups with the most waiting letters."""

    @property
    def open(self) -> int:
        return sum(queue.open for queue in self.queues)


def stats(names: tuple[str, ...] = tuple(QUEUES)) -> Stats:
    """The figures of the queues *names*, as they are now."""
    groups = FailureGroup.objects.filter(queue__in=names)
    kept = _by_queue(groups, waiting=Sum("waiting"), redriven=Sum("redriven"))
    waiting = _by_queue(
        DeadLetter.objects.filter(state__in=DeadLetter.WAITING),
        oldest=Min("first_failed_at"),
        expiring_24h=Count("pk", deadlines.near_limit(timedelta(hours=24))),
        expiring_72h=Count("pk", deadlines.near_limit(timedelta(hours=72))),
    )
    overdue = _by_queue(
        DeadLetter.objects.filter(deadlines.overdue()), overdue=Count("pk")
    )
    arrivals = failures_by_queue(2, timedelta(hours=1)).queues
    dlqs = {depth.name: depth.dead for depth in health.depths() or ()}
    return Stats(
        at=timezone.now(),
        queues=[
            QueueStats(
                name=name,
                open=kept.get(name, {}).get("waiting", 0),
                failing_now=sum(arrivals.get(name, ())),
                oldest=waiting.get(name, {}).get("oldest"),
                expiring_24h=waiting.get(name, {}).get("expiring_24h", 0),
                expiring_72h=waiting.get(name, {}).get("expiring_72h", 0),
                redriven=kept.get(name, {}).get("redriven", 0),
                overdue=overdue.get(name, {}).get("overdue", 0),
                dlq=dlqs.get(name),
            )
            for name in names
        ],
        groups=[
            _of_group(group)
            for group in groups.filter(waiting__gt=0).order_by("-waiting")[:TOP]
        ],
    )


def _of_group(group: FailureGroup) -> GroupStats:
    return GroupStats(
        number=group.pk,
        queue=group.queue,
        type=group.type,
        error=group.error_type,
        place=group.place,
        state=group.state,
        waiting=group.waiting,
        last_seen=group.last_seen,
    )


def _by_queue(rows: QuerySet, **figures: Any) -> dict[str, dict[str, Any]]:
    found = rows.order_by().values("queue").annotate(**_renamed(figures))
    return {
        row["queue"]: {name: row[f"its_{name}"] for name in figures} for row in found
    }


def _renamed(figures: dict[str, Any]) -> dict[str, Any]:
    """No figure may bear the name of a column."""
    return {f"its_{name}": figure for name, figure in figures.items()}
