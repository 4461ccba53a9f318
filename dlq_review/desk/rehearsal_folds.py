"""Rehearsals of several letters, folded: those with the same result are one."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from dlq_review.bodies.sentences import narrowed, skeleton
from dlq_review.letters.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Fold:
    rehearsals: list[Rehearsal]
    of: int
    """How many letters were rehearsed, with those of other folds."""

    @property
    def sample(self) -> Rehearsal:
        return self.rehearsals[0]

    @property
    def said(self) -> str:
        """Why they would fail, as far as all say the same."""
        return reduce(narrowed, (one.error for one in self.rehearsals))

    @property
    def heading(self) -> str:
        count = len(self.rehearsals)
        alike = ", all alike" if count > 1 else ""
        if self.sample.error:
            return f"{count} of {self.of} would fail{alike}"
        if self.sample.note:
            return f"{count} of {self.of}: {self.sample.note}"
        return f"{count} of {self.of} would be processed"


def folded(rehearsals: Iterable[Rehearsal]) -> list[Fold]:
    """One fold for each result, the failures first, the largest first."""
    found: dict[tuple[str, str], list[Rehearsal]] = {}
    for one in rehearsals:
        found.setdefault((skeleton(one.error), one.note), []).append(one)
    of = sum(map(len, found.values()))
    folds = [Fold(alike, of) for alike in found.values()]
    return sorted(folds, key=lambda one: (not one.sample.error, -len(one.rehearsals)))
