"""The place of a letter in the list that one came from: its number, and its neighbours.

The address of its page carries the query of that list (`?list=`), and so do the forms on it.
Without one the neighbours are those in the list of all that waits.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import cast

from django.contrib.admin import site
from django.contrib.admin.exceptions import (
    DisallowedModelAdminLookup,
    DisallowedModelAdminToField,
)
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict

from dlq_review.desk.group_list import kept
from dlq_review.desk.letter_list import CURSORS, LetterList
from dlq_review.models import DeadLetter
from dlq_review.search import keyset_pages
from dlq_review.search.keyset_pages import Cursor
from processing.staff.capped_paginator import MOST_COUNTED

LONGEST = 2_000  # characters of a query
_REFUSALS = (
    IncorrectLookupParameters,
    DisallowedModelAdminLookup,
    DisallowedModelAdminToField,
)


@dataclass(frozen=True, slots=True)
class Place:
    newer: DeadLetter | None
    older: DeadLetter | None
    query: str = ""
    """The query of the list; empty if the address of the page names none."""
    number: int = 0
    """Counted from the newest; 0 if the letter is not in the list any more."""
    count: str = ""

    @property
    def kept(self) -> str:
        """What links and forms carry, so that the place is kept."""
        return kept(self.query)

    @property
    def words(self) -> str:
        if not self.query:
            return ""
        if not self.number:
            return f"no longer in the list of {self.count}"
        far = self.number > MOST_COUNTED
        return f"{f'over {MOST_COUNTED:,}' if far else self.number} of {self.count}"


def place_of(request: HttpRequest, letter: DeadLetter) -> Place:
    shown = _list(request)
    if shown is None:
        letters = DeadLetter.objects.all()
        return Place(*_neighbours(letters, DeadLetter.WAITING, letter))
    states, here = shown.by_state.states, Cursor.of(letter)
    number = 0
    if shown.queryset.filter(pk=letter.pk).exists():
        above = keyset_pages.above(shown.any_state, states, here, MOST_COUNTED)
        number = above + 1
    count = f"{shown.result_count:,}{'+' if shown.paginator.capped else ''}"
    neighbours = _neighbours(shown.any_state, states, letter)
    return Place(*neighbours, list_query(request), number, count)


def list_query(request: HttpRequest) -> str:
    """The query of the list that one came from, without the page; empty if there is none."""
    text = request.GET.get("list", "")[: LONGEST + 1]
    query = QueryDict(text, mutable=True)
    for name in CURSORS:
        query.pop(name, None)
    found = query.urlencode()
    return "" if len(text) > LONGEST or "%00" in found else found


def _list(request: HttpRequest) -> LetterList | None:
    query = list_query(request)
    if not query:
        return None
    asked = copy(request)
    asked.GET = QueryDict(query)
    try:
        found = site.get_model_admin(DeadLetter).get_changelist_instance(asked)
    except _REFUSALS:
        return None
    return cast("LetterList", found)


def _neighbours(
    letters: QuerySet[DeadLetter], states: Sequence[str], letter: DeadLetter
) -> tuple[DeadLetter | None, DeadLetter | None]:
    here = Cursor.of(letter)
    newer = keyset_pages.newer(letters, states, 1, than=here)
    older = keyset_pages.older(letters, states, 1, than=here)
    return next(iter(newer), None), next(iter(older), None)
