"""Walk dead letters from the newest to the oldest, a page at a time, at any depth.

An index holds the letters of one state in order, and none those of several. So each state
is walked by itself and the heads are merged: a page costs the same wherever it is, however
many letters there are, and whichever states they are in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from django.db.models import Q, QuerySet

from dlq_review.models import DeadLetter


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a letter stands in the walk: when it failed last, and its number."""

    at: datetime
    number: int

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        return cls(letter.last_failed_at, letter.pk)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The place that *text* names in a link; None where it names none."""
        moment, _, number = text.rpartition("_")
        try:
            place = cls(datetime.fromisoformat(moment).astimezone(UTC), int(number))
        except (ValueError, OverflowError):
            return None
        return place if 0 <= place.number < 2**63 else None

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.number}"


@dataclass(frozen=True, slots=True)
class Page:
    letters: list[DeadLetter]
    newer: Place | None = None
    """The page before this one ends above this place; None on the first."""
    older: Place | None = None
    """The next page begins below this place; None on the last."""


def page(
    letters: QuerySet[DeadLetter],
    states: Iterable[str],
    size: int,
    *,
    before: Place | None = None,
    after: Place | None = None,
) -> Page:
    """The *size* letters below *before* or above *after*; without either, the newest."""
    states = tuple(states)
    if after is not None:
        found = newer(letters, states, size + 1, than=after)
        if len(found) > size:
            shown = found[:size][::-1]
            return Page(shown, newer=Place.of(shown[0]), older=Place.of(shown[-1]))
        before = None  # the top is near: a full page of the newest, not half of one
    found = older(letters, states, size + 1, than=before)
    shown = found[:size]
    return Page(
        shown,
        newer=Place.of(shown[0]) if shown and before else None,
        older=Place.of(shown[-1]) if len(found) > size else None,
    )


def older(
    letters: QuerySet[DeadLetter],
    states: Iterable[str],
    most: int,
    *,
    than: Place | None = None,
) -> list[DeadLetter]:
    """The first *most* of *letters* in *states* below *than*, the newest first."""
    if than is not None:
        # The first condition is where the index is entered; an OR alone would not be.
        same = Q(last_failed_at=than.at, pk__lt=than.number)
        letters = letters.filter(
            Q(last_failed_at__lt=than.at) | same, last_failed_at__lte=than.at
        )
    letters = letters.order_by("-last_failed_at", "-pk")
    found = [one for state in states for one in letters.filter(state=state)[:most]]
    return sorted(found, key=Place.of, reverse=True)[:most]


def newer(
    letters: QuerySet[DeadLetter], states: Iterable[str], most: int, *, than: Place
) -> list[DeadLetter]:
    """The first *most* of *letters* in *states* above *than*, the oldest first."""
    same = Q(last_failed_at=than.at, pk__gt=than.number)
    letters = letters.filter(
        Q(last_failed_at__gt=than.at) | same, last_failed_at__gte=than.at
    ).order_by("last_failed_at", "pk")
    found = [one for state in states for one in letters.filter(state=state)[:most]]
    return sorted(found, key=Place.of)[:most]
