"""What a worker notices of a purge: processing alone, then while another process deletes a
tenth of a long history (the end of `--only history`).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

from django.conf import settings
from django.db import connection
from django.utils import timezone

from benchmarks import history, scale
from benchmarks.children import running
from benchmarks.surroundings import wait_until
from processing.models import Outcome

_CALLS = 20  # for each of a page, because the slowest matter
Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Side:
    """Milliseconds of one call."""

    median: float
    p99: float


def compare(database: str, outcomes: int, requests: int) -> None:
    """Time processing without a purge and beside one, with *outcomes* rows of history."""
    old = _age(outcomes // 10)
    calls = requests * _CALLS
    works = dict(history.processing(2 * calls))
    logging.disable(logging.WARNING)
    try:
        alone = {name: _timed(work, calls) for name, work in works.items()}
        beside, a_second = _beside_a_purge(works, calls)
    finally:
        logging.disable(logging.NOTSET)
    print(
        f"\nF  A purge of {old:,} of {outcomes:,} outcomes, {database}, ms in process"
    )
    print(f"{'':>30}{'alone':>10}{'p99':>10}{'beside':>10}{'p99':>10}{'ratio':>10}")
    for name, one in alone.items():
        other = beside[name]
        figures = (one.median, one.p99, other.median, other.p99)
        print(f"{name:>30}", *(f"{figure:>9.2f}" for figure in figures), end=" ")
        print(f"{other.median / one.median:>9.2f}")
    print(f"{'outcomes deleted a second':>30}{a_second:>10,.0f}")


def _age(number: int) -> int:
    """Make the first *number* outcomes old enough for a purge."""
    at = timezone.now() - 2 * timedelta(days=settings.HISTORY_DAYS)
    end = history.outcome_id(number)
    old = Outcome.objects.filter(pk__gte=history.outcome_id(0), pk__lt=end).update(
        at=at
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE"
        )
    return old


def _beside_a_purge(
    works: dict[str, Work], calls: int
) -> tuple[dict[str, Side], float]:
    with (
        TemporaryDirectory(prefix="holdfast-purge-") as folder,
        running("purge", "django", "purge", env={}, folder=Path(folder)) as purge,
    ):
        there = _old()
        wait_until(lambda: _old() < there, purge.check)
        there, start = _old(), perf_counter()
        found = {name: _timed(work, calls) for name, work in works.items()}
        a_second = (there - _old()) / (perf_counter() - start)
    if not _old():
        raise RuntimeError(
            "The purge ended first: ask for more outcomes, or fewer requests."
        )
    return found, a_second


def _old() -> int:
    limit = timezone.now() - timedelta(days=settings.HISTORY_DAYS)
    return Outcome.objects.filter(at__lt=limit).count()


def _timed(work: Work, calls: int) -> Side:
    for _ in range(scale.WARM_UP):
        work()
    took = []
    for _ in range(calls):
        start = perf_counter()
        work()
        took.append(1000 * (perf_counter() - start))
    return Side(median(took), quantiles(took, n=100)[-1])
