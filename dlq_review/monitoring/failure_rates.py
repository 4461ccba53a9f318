"""Failure rates, from the stored counters; recent rates of a group, from its letters.

Letters are counted on an index, and up to MOST of a group: a page never counts a million.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import IntegerField, OuterRef, Subquery, Sum
from django.utils import timezone

from dlq_review.models import DeadLetter, FailureCount, FailureGroup
from dlq_review.search.selections import since

WINDOWS = ("1h", "3h", "24h", "7d")  # choices of the list that each leads to
MOST = 1_000  # letters counted of one group and window
BARS = 42  # of four hours each: seven days
_BAR_HOURS = 4


@dataclass(slots=True)
class Pace:
    """How often a group failed lately."""

    windows: dict[str, int] = field(default_factory=dict)
    """The number of letters that failed since, in any state; at most MOST."""
    bars: list[int] = field(default_factory=lambda: [0] * BARS)
    """All failures, by full hours."""


class _Counted(Subquery):
    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def paces(groups: Iterable[FailureGroup]) -> dict[int, Pace]:
    """The pace of each of *groups*, including the groups merged into it, by its key."""
    now = timezone.now()
    shown = {group.pk: group.pk for group in groups}
    found = {key: Pace(windows) for key, windows in _windows(list(shown)).items()}
    members = FailureGroup.objects.filter(merged_into__in=list(shown))
    shown |= {one.pk: one.merged_into_id or one.pk for one in members}
    counts = FailureCount.objects.filter(
        group__in=list(shown), hour__gt=now - timedelta(hours=BARS * _BAR_HOURS + 1)
    ).values_list("group_id", "hour", "arrivals")
    # Fifty groups have thousands of counts, and all of them the same 169 hours.
    bar_of: dict[datetime, int] = {}
    for group_id, hour, arrivals in counts.iterator():
        if hour not in bar_of:
            age = (now - hour).total_seconds() / 3600
            bar_of[hour] = BARS - 1 - int(age // _BAR_HOURS)
        if 0 <= (bar := bar_of[hour]) < BARS:
            found[shown[group_id]].bars[bar] += arrivals
    return found


def _windows(groups: list[int]) -> dict[int, dict[str, int]]:
    """How many letters of each group failed in each of WINDOWS, by one query."""
    its = DeadLetter.objects.filter(
        group=OuterRef("pk"), state__in=DeadLetter.State.values
    ).order_by()  # with all states named, for the index
    counts = {
        f"in_{name}": _Counted(
            its.filter(last_failed_at__gte=since(name)).values("pk")[:MOST]
        )
        for name in WINDOWS
    }
    rows = FailureGroup.objects.filter(pk__in=groups).annotate(**counts)
    return {
        key: dict(zip(WINDOWS, numbers, strict=True))
        for key, *numbers in rows.values_list("pk", *counts)
    }


@dataclass(frozen=True, slots=True)
class Series:
    """Arrivals by step of time, one list of counts a queue."""

    starts: list[datetime]
    queues: dict[str, list[int]]

    @property
    def total(self) -> int:
        return sum(map(sum, self.queues.values()))


def failures_by_queue(steps: int, step: timedelta) -> Series:
    """The last *steps* steps of whole hours or days (UTC), the running one included."""
    now = timezone.now()
    end = now.replace(minute=0, second=0, microsecond=0)
    if step >= timedelta(days=1):
        end = end.replace(hour=0)
    first = end - step * (steps - 1)
    rows = (
        FailureCount.objects.filter(hour__gte=first)
        .values_list("hour", "group__queue")
        .annotate(arrivals=Sum("arrivals"))
    )
    queues: dict[str, list[int]] = {}
    for hour, queue, arrivals in rows:
        index = int((hour - first) // step)
        if 0 <= index < steps:
            queues.setdefault(queue, [0] * steps)[index] += arrivals
    return Series([first + step * number for number in range(steps)], queues)
