"""Store what the processes of this pool counted, for the overview of the desk.

If the database is away, the next minute stores it. A parent that is killed takes what it has
counted since the last minute with it: these are pictures, and no books.
"""

from dataclasses import dataclass
from datetime import datetime

from processing.metrics.declared import DURATION, PROCESSED, STATUSES, WAIT
from processing.models import Counts, QueueRecord
from processing.sqs.topology import QUEUES


@dataclass(frozen=True, slots=True)
class _Totals:
    ended: list[int]
    durations: list[int]
    waits: list[int]


class Unstored:
    """What was counted since it was stored last."""

    def __init__(self) -> None:
        self._stored = _totals()

    def store(self, at: datetime) -> None:
        """Writes nothing while nothing happens."""
        totals = _totals()
        new = {
            queue: _since(self._stored[queue], total)
            for queue, total in totals.items()
            if total != self._stored[queue]
        }
        if new:
            QueueRecord.add(at, new)
        self._stored = totals


def _totals() -> dict[str, _Totals]:
    processed, durations, waits = PROCESSED.totals(), DURATION.totals(), WAIT.totals()
    return {
        queue: _Totals(
            [processed[queue, status] for status in STATUSES],
            [
                sum(number for number, _ in of_one_bucket)
                for of_one_bucket in zip(
                    *(durations[queue, status] for status in STATUSES), strict=True
                )
            ],
            [number for number, _ in waits[queue,]],
        )
        for queue in QUEUES
    }


def _since(before: _Totals, now: _Totals) -> Counts:
    success, refused, failure = _differences(before.ended, now.ended)
    return Counts(
        success=success,
        refused=refused,
        failure=failure,
        durations=_differences(before.durations, now.durations),
        waits=_differences(before.waits, now.waits),
    )


def _differences(before: list[int], now: list[int]) -> list[int]:
    return [late - early for early, late in zip(before, now, strict=True)]
