"""Purge the rows that are older than their retention, table by table.

Each step is a transaction of its own, and after each others get their turn. If a run is
stopped half way, the next one goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from time import monotonic, sleep

from django.utils import timezone

from dlq_review.retention.tables import RULES, Purged

REST = 0.05  # seconds between two steps, for the workers and for SQLite's one lock


def purge(
    *,
    seconds: float = float("inf"),
    progress: Callable[[str, int], None] = lambda label, done: None,
) -> Counter[str]:
    """Delete what is too old, for about *seconds*; return how many rows of each table.

    *progress* is called after each step, with the table and the number so far.
    """
    deadline = monotonic() + seconds
    done: Counter[str] = Counter()
    for label, rule, before in _rules():
        while monotonic() < deadline and (deleted := rule.sweep.delete(before)):
            done[label] += deleted
            progress(label, done[label])
            sleep(REST)
    return done


def due() -> Iterator[str]:
    """The tables that hold rows to delete."""
    for label, rule, before in _rules():
        if rule.sweep.due(before):
            yield label


def _rules() -> Iterator[tuple[str, Purged, datetime]]:
    now = timezone.now()
    for label, rule in RULES.items():
        if isinstance(rule, Purged) and (length := rule.period.length()) is not None:
            yield label, rule, now - length
