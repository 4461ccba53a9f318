"""Narrow a list of letters by conditions, for a page: the newest letters are asked.

Only public fields can be named. A condition on a personal one belongs to an operation, which
puts the question on record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from django.db.models import QuerySet

from dlq_review.bodies.field_conditions import Condition, FieldError
from dlq_review.models import DeadLetter
from dlq_review.search import keyset_pages
from dlq_review.search.selections import Selection
from dlq_review.search.veil import is_public, veiled_condition

MOST = 2_000  # letters asked
MOST_CONDITIONS = 10


@dataclass(frozen=True, slots=True)
class Conditions:
    texts: tuple[str, ...] = ()
    refused: str = ""
    """Why the conditions are not asked."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read *text*, one condition a line. Never raises."""
        lines = tuple(filter(None, map(str.strip, text.splitlines())))
        try:
            known = [Condition.read(one) for one in lines[: MOST_CONDITIONS + 1]]
        except FieldError as error:
            return cls(refused=str(error))
        if len(known) > MOST_CONDITIONS:
            return cls(refused=f"Ask at most {MOST_CONDITIONS} conditions at once.")
        if hidden := [one for one in lines if not is_public(Condition.read(one))]:
            return cls(
                refused=f"{veiled_condition(hidden[0])} names personal data, so it can be "
                "asked by an operation only."
            )
        return cls(lines)

    def __str__(self) -> str:
        return " and ".join(map(veiled_condition, self.texts))


def narrow(
    letters: QuerySet[DeadLetter], states: Sequence[str], asked: Conditions
) -> tuple[QuerySet[DeadLetter], Sequence[str]]:
    """Those of *letters* that *asked* holds for, and what was left out, as sentences."""
    if asked.refused:
        return letters.none(), [asked.refused]
    newest = keyset_pages.older(letters, states, MOST + 1)
    some = newest[:MOST]
    selection = Selection(fields=asked.texts, masked=True)
    found = [one.pk for one in selection.matching(some)]
    notes = [
        f"Only the newest {MOST:,} letters were asked. An operation asks all of them."
    ]
    return letters.filter(pk__in=found), notes if len(newest) > MOST else ()
