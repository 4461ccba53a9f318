"""The past of the queues in steps of time, for the overview.

A page reads one length of steps, which is at most 56 rows of each queue.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from django.utils import timezone

from processing.board import BOUNDS
from processing.models import ALL_QUEUES, QueueRecord, WorkerSign
from processing.models.history import starts
from processing.sqs.topology import QUEUES


@dataclass(frozen=True, slots=True)
class Window:
    words: str
    step: int  # seconds
    count: int

    @property
    def starts(self) -> list[datetime]:
        """Of each step, the running one included."""
        end = dict(starts(timezone.now()))[self.step]
        step = timedelta(seconds=self.step)
        return [end - step * back for back in reversed(range(self.count))]


WINDOWS = {
    "1h": Window("1 h", 300, 12),
    "24h": Window("24 h", 3_600, 24),
    "14d": Window("14 d", 21_600, 56),
}


@dataclass(slots=True)
class Track:
    """One queue, or all: for each step its record, if there is one."""

    queue: str
    records: list[QueueRecord | None]

    def numbers(self, *names: str) -> list[int]:
        """The sums of the fields *names*; 0 where nothing happened."""
        return [
            sum(getattr(one, name) for name in names) if one else 0
            for one in self.records
        ]

    def worst(self, name: str) -> list[float | None]:
        return [getattr(one, name) if one else None for one in self.records]

    def quantiles(self, name: str, share: float) -> list[float | None]:
        """In ms, of the histogram *name* of each step."""
        return [
            quantile(getattr(one, name), share) if one else None for one in self.records
        ]

    def quantile(self, name: str, share: float) -> float | None:
        """In ms, of all steps together."""
        return quantile(_sums(getattr(one, name) for one in self.records if one), share)


def tracks(window: Window) -> list[Track]:
    """The whole system first, then each queue."""
    places = {start: number for number, start in enumerate(window.starts)}
    found = {name: Track(name, [None] * window.count) for name in (ALL_QUEUES, *QUEUES)}
    rows = QueueRecord.objects.filter(
        step=window.step, start__gte=min(places), queue__in=found
    )
    for row in rows:
        if (place := places.get(row.start)) is not None:
            found[row.queue].records[place] = row
    _add_up(found)
    return list(found.values())


def _add_up(found: dict[str, Track]) -> None:
    """Give the track of the whole system the deliveries of all queues."""
    whole = found[ALL_QUEUES]
    for place in range(len(whole.records)):
        rows = list(filter(None, (found[name].records[place] for name in QUEUES)))
        if not rows:
            continue
        of_all = whole.records[place] or QueueRecord()
        for name in ("success", "refused", "failure"):
            setattr(of_all, name, sum(getattr(row, name) for row in rows))
        for name in ("durations", "waits"):
            setattr(of_all, name, _sums(getattr(row, name) for row in rows))
        ages = [row.oldest for row in rows if row.oldest is not None]
        of_all.oldest = max(ages, default=None)
        whole.records[place] = of_all


def _sums(histograms: Iterable[Sequence[int]]) -> list[int]:
    return [sum(some) for some in zip_longest(*histograms, fillvalue=0)]


def quantile(buckets: Sequence[int], share: float) -> float | None:
    """In ms, as Prometheus estimates it: evenly spread within a bucket. None of nothing."""
    rank = share * sum(buckets)
    if not rank:
        return None
    lower, below = 0.0, 0
    for upper, number in zip(BOUNDS, buckets, strict=False):
        if below + number >= rank:
            return lower + (upper - lower) * (rank - below) / number
        lower, below = float(upper), below + number
    return lower  # longer than the last bound


@dataclass(frozen=True, slots=True)
class Workers:
    """Those that take from one queue, or all."""

    alive: int
    last_seen: datetime | None


MOST_SIGNS = 500


def workers() -> dict[str, Workers]:
    """By queue: all that are alive, and who was seen last among the last starts."""
    alive = list(WorkerSign.alive())
    signs = [*alive, *WorkerSign.objects.order_by("-at")[:MOST_SIGNS]]
    return {
        name: Workers(
            len(_of(name, alive)),
            max((one.at for one in _of(name, signs)), default=None),
        )
        for name in (ALL_QUEUES, *QUEUES)
    }


def _of(queue: str, signs: Iterable[WorkerSign]) -> list[WorkerSign]:
    return [one for one in signs if queue == ALL_QUEUES or queue in one.queues]
