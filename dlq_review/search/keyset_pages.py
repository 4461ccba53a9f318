"""Keyset pagination of dead letters, from the newest to the oldest.

The index orders letters within one state, not across several. So each state is read by
itself, and the results are merged. A page costs the same at any depth, for any number of
letters and any choice of states.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from django.db.models import Q, QuerySet

from dlq_review.models import DeadLetter


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The sort key of a letter: when it failed last, and its number."""

    at: datetime
    number: int

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        return cls(letter.last_failed_at, letter.pk)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read the cursor in *text*, from a link; None if there is none."""
        moment, _, number = text.rpartition("_")
        try:
            cursor = cls(datetime.fromisoformat(moment).astimezone(UTC), int(number))
        except (ValueError, OverflowError):
            return None
        return cursor if 0 <= cursor.number < 2**63 else None

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.number}"


@dataclass(frozen=True, slots=True)
class Page:
    letters: list[DeadLetter]
    newer: Cursor | None = None
    """The page before ends above this cursor; None on the first page."""
    older: Cursor | None = None
    """The next page begins below this cursor; None on the last page."""


def page(
    letters: QuerySet[DeadLetter],
    states: Iterable[str],
    size: int,
    *,
    before: Cursor | None = None,
    after: Cursor | None = None,
) -> Page:
    """The *size* letters below *before* or above *after*; without either, the newest."""
    states = tuple(states)
    if after is not None:
        found = newer(letters, states, size + 1, than=after)
        if len(found) > size:
            shown = found[:size][::-1]
            return Page(shown, newer=Cursor.of(shown[0]), older=Cursor.of(shown[-1]))
        before = None  # near the top, show a full first page instead of a part
    found = older(letters, states, size + 1, than=before)
    shown = found[:size]
    return Page(
        shown,
        newer=Cursor.of(shown[0]) if shown and before else None,
        older=Cursor.of(shown[-1]) if len(found) > size else None,
    )


def older(
    letters: QuerySet[DeadLetter],
    states: Iterable[str],
    most: int,
    *,
    than: Cursor | None = None,
) -> list[DeadLetter]:
    """The first *most* of *letters* in *states* below *than*, the newest first."""
    if than is not None:
        # The first condition lets the database enter the index; the OR alone would not.
        same = Q(last_failed_at=than.at, pk__lt=than.number)
        letters = letters.filter(
            Q(last_failed_at__lt=than.at) | same, last_failed_at__lte=than.at
        )
    letters = letters.order_by("-last_failed_at", "-pk")
    found = [one for state in states for one in letters.filter(state=state)[:most]]
    return sorted(found, key=Cursor.of, reverse=True)[:most]


def newer(
    letters: QuerySet[DeadLetter], states: Iterable[str], most: int, *, than: Cursor
) -> list[DeadLetter]:
    """The first *most* of *letters* in *states* above *than*, the oldest first."""
    letters = letters.filter(_above(than)).order_by("last_failed_at", "pk")
    found = [one for state in states for one in letters.filter(state=state)[:most]]
    return sorted(found, key=Cursor.of)[:most]


def above(
    letters: QuerySet[DeadLetter], states: Iterable[str], than: Cursor, most: int
) -> int:
    """How many of *letters* in *states* stand above *than*, counted up to *most*."""
    found = letters.filter(_above(than)).order_by()
    return min(most, sum(found.filter(state=one)[:most].count() for one in states))


def _above(than: Cursor) -> Q:
    same = Q(last_failed_at=than.at, pk__gt=than.number)
    return Q(Q(last_failed_at__gt=than.at) | same, last_failed_at__gte=than.at)
