"""Read the kept counters. Nothing here looks at a dead letter."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Sum
from django.utils import timezone

from dlq_review.models import FailureCount, FailureGroup

WINDOWS = {"1h": 1, "3h": 3, "24h": 24, "7d": 168}  # hours
BARS = 42  # of four hours each: seven days
_BAR_HOURS = 4


@dataclass(slots=True)
class Pace:
    """How often a group failed lately, by full hours."""

    windows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WINDOWS, 0))
    bars: list[int] = field(default_factory=lambda: [0] * BARS)


def paces(groups: Iterable[FailureGroup]) -> dict[int, Pace]:
    """The pace of each of *groups* with what was merged into it, by its key."""
    now = timezone.now()
    found: dict[int, Pace] = defaultdict(Pace)
    shown = {group.pk: group.pk for group in groups}
    members = FailureGroup.objects.filter(merged_into__in=list(shown))
    shown |= {one.pk: one.merged_into_id or one.pk for one in members}
    counts = FailureCount.objects.filter(
        group__in=list(shown), hour__gt=now - timedelta(hours=BARS * _BAR_HOURS + 1)
    ).values_list("group_id", "hour", "arrivals")
    # Fifty groups have thousands of counts, and all of them the same 169 hours.
    places: dict[datetime, tuple[int, list[str]]] = {}
    for group_id, hour, arrivals in counts.iterator():
        if hour not in places:
            age = (now - hour).total_seconds() / 3600
            within = [name for name, hours in WINDOWS.items() if age < hours + 1]
            places[hour] = BARS - 1 - int(age // _BAR_HOURS), within
        bar, within = places[hour]
        pace = found[shown[group_id]]
        for name in within:
            pace.windows[name] += arrivals
        if 0 <= bar < BARS:
            pace.bars[bar] += arrivals
    return found


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
        place = int((hour - first) // step)
        if 0 <= place < steps:
            queues.setdefault(queue, [0] * steps)[place] += arrivals
    return Series([first + step * number for number in range(steps)], queues)
