"""What the overview shows of the past, by queue and step of time, and which workers there are.

Workers are on other machines than the web processes, so they meet in the database: the parent
of each worker writes here once a minute, and no event waits for it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from django.db import models, transaction
from django.utils import timezone

#: Seconds of a step, and how long steps of that length are shown.
STEPS = {
    300: timedelta(hours=1),
    3_600: timedelta(hours=24),
    21_600: timedelta(days=14),
}
ALL_QUEUES = ""  # the queue of figures that belong to no queue
#: What is noted of figures that are measured several times in a step.
_WORST: dict[str, Callable[[float, float], float]] = {
    "oldest": max,
    "spooled": max,
    "workers": min,
}
ALIVE = timedelta(seconds=150)  # a worker signs once a minute


@dataclass(slots=True)
class Counts:
    """Deliveries of one queue: how they ended, and for each bucket of a histogram how many."""

    success: int = 0
    refused: int = 0
    failure: int = 0
    durations: list[int] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)


class QueueRecord(models.Model):
    """One step of time of one queue, or of the whole system."""

    queue = models.CharField(max_length=80, blank=True)
    step = models.PositiveIntegerField()
    """Its length in seconds."""
    start = models.DateTimeField()
    kept_until = models.DateTimeField(db_index=True)
    success = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    failure = models.PositiveBigIntegerField(default=0)
    durations = models.JSONField(default=list)
    """Deliveries by the buckets of `processing.board.BOUNDS`."""
    waits = models.JSONField(default=list)
    oldest = models.FloatField(null=True)
    """The greatest age of the oldest message, in seconds. Null if nobody measured it."""
    spooled = models.PositiveIntegerField(null=True)
    """The most events in the spool."""
    workers = models.PositiveIntegerField(null=True)
    """The fewest workers that were alive."""

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("step", "start", "queue"), name="one_record_a_step"
            ),
        )

    def __str__(self) -> str:
        return f"{self.queue or 'all'} {self.start:%Y-%m-%d %H:%M}, {self.step} s"

    @staticmethod
    def add(at: datetime, counts: Mapping[str, Counts]) -> None:
        """Add the *counts* of each queue to its steps at this moment."""
        fields = ("success", "refused", "failure", "durations", "waits")
        with transaction.atomic():
            rows = QueueRecord._locked(at, counts)
            for row in rows:
                row._add(counts[row.queue])
            QueueRecord.objects.bulk_update(rows, fields)

    @staticmethod
    def measure(at: datetime, figures: Mapping[str, Mapping[str, float]]) -> None:
        """Note `oldest`, `spooled` and `workers` of each queue, as far as they are known."""
        with transaction.atomic():
            rows = QueueRecord._locked(at, figures)
            for row in rows:
                row._measure(figures[row.queue])
            QueueRecord.objects.bulk_update(rows, _WORST)

    @staticmethod
    def _locked(at: datetime, queues: Mapping[str, object]) -> list["QueueRecord"]:
        """The records of *queues* at this moment; all writers lock them in one order."""
        new = [
            QueueRecord(
                queue=queue, step=step, start=start, kept_until=kept_until(step, start)
            )
            for queue in sorted(queues)
            for step, start in starts(at)
        ]
        QueueRecord.objects.bulk_create(new, ignore_conflicts=True)
        of_now = models.Q()
        for step, start in starts(at):
            of_now |= models.Q(step=step, start=start)
        rows = QueueRecord.objects.select_for_update().filter(of_now, queue__in=queues)
        return list(rows.order_by("queue", "step"))

    def _measure(self, figures: Mapping[str, float]) -> None:
        for name, worst in _WORST.items():
            if (new := figures.get(name)) is not None:
                known = getattr(self, name)
                setattr(self, name, new if known is None else worst(known, new))

    def _add(self, counts: Counts) -> None:
        self.success += counts.success
        self.refused += counts.refused
        self.failure += counts.failure
        # Another release may have had other buckets.
        self.durations = _sums(self.durations, counts.durations)
        self.waits = _sums(self.waits, counts.waits)


def starts(at: datetime) -> Iterator[tuple[int, datetime]]:
    """The length and the start of each step that holds this moment."""
    for step in STEPS:
        yield step, datetime.fromtimestamp(at.timestamp() // step * step, UTC)


def kept_until(step: int, start: datetime) -> datetime:
    """Midnight, so that the purge has something to do once a day."""
    shown_until = start + timedelta(seconds=step) + STEPS[step]
    midnight = shown_until.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)


def _sums(some: list[int], more: list[int]) -> list[int]:
    return [one + other for one, other in zip_longest(some, more, fillvalue=0)]


class WorkerSign(models.Model):
    """When a worker was last seen. Each start of a worker has a row of its own."""

    name = models.CharField(primary_key=True, max_length=300)
    queues = models.JSONField(default=list)
    """The queues that it takes from."""
    at = models.DateTimeField(db_index=True)
    ended = models.BooleanField(default=False)
    """It said that it stops."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def note(cls, name: str, queues: list[str], *, ended: bool = False) -> None:
        sign = {"queues": queues, "at": timezone.now(), "ended": ended}
        if not cls.objects.filter(name=name).update(**sign):
            cls.objects.update_or_create(name=name, defaults=sign)

    @classmethod
    def alive(cls) -> "models.QuerySet[WorkerSign]":
        return cls.objects.filter(ended=False, at__gte=timezone.now() - ALIVE)
