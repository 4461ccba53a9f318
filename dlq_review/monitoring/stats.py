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


#: The figures of a queue without letters.
_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("open", "expiring_24h", "expiring_72h", "redriven", "overdue"), 0),
    "oldest": None,
}


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
    most = groups.filter(waiting__gt=0).order_by("-waiting")[:TOP]
    return Stats(
        at=timezone.now(),
        queues=_of_queues(names, groups),
        groups=[_of_group(group) for group in most],
    )


def _of_queues(
    names: tuple[str, ...], groups: QuerySet[FailureGroup]
) -> list[QueueStats]:
    kept = _by_queue(groups, open=Sum("waiting"), redriven=Sum("redriven"))
    waiting = _waiting()
    overdue = _by_queue(
        DeadLetter.objects.filter(deadlines.overdue()), overdue=Count("pk")
    )
    arrivals = failures_by_queue(2, timedelta(hours=1)).queues
    dlqs = {depth.name: depth.dead for depth in health.depths() or ()}
    return [
        QueueStats(
            name=name,
            failing_now=sum(arrivals.get(name, ())),
            dlq=dlqs.get(name),
            **_NOTHING
            | kept.get(name, {})
            | waiting.get(name, {})
            | overdue.get(name, {}),
        )
        for name in names
    ]


def _waiting() -> dict[str, dict[str, Any]]:
    return _by_queue(
        DeadLetter.objects.filter(state__in=DeadLetter.WAITING),
        oldest=Min("first_failed_at"),
        expiring_24h=Count("pk", deadlines.near_limit(timedelta(hours=24))),
        expiring_72h=Count("pk", deadlines.near_limit(timedelta(hours=72))),
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
