"""The list of dead letters in the admin, with keyset pagination.

`?before=` and `?after=` name the letter next to the page. So a link keeps its position
while new letters arrive, and the last page costs as much as the first.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from dlq_review.desk.group_list import kept
from dlq_review.desk.list_filters import StateFilter
from dlq_review.models import DeadLetter
from dlq_review.permissions import may
from dlq_review.search import keyset_pages
from dlq_review.search.full_text import search
from dlq_review.search.keyset_pages import Cursor
from dlq_review.search.narrowing import Conditions, narrow

CURSORS = ("before", "after")


class LetterList(ChangeList):
    page: keyset_pages.Page
    any_state: QuerySet[DeadLetter]
    """The letters that pass the search and all filters except the one by state."""
    by_state: StateFilter
    notes: Sequence[str] = ()
    """The parts that the search left out."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in CURSORS}

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """Links of filters and columns lead to the first page."""
        return super().get_query_string(new_params, [*(remove or ()), *CURSORS])

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet:
        letters = super().get_queryset(request, [StateFilter.parameter_name])
        if self.query:
            found = search(self.query, bodies=may(request.user, "reveal"))
            letters, self.notes = letters.filter(found.letters), found.notes
        (self.by_state,) = (
            spec for spec in self.filter_specs if isinstance(spec, StateFilter)
        )
        self.any_state = self._narrowed(request, self.by_state.narrowed(letters))
        return self.by_state.queryset(request, self.any_state)

    def _narrowed(self, request: HttpRequest, letters: QuerySet) -> QuerySet:
        """Those of *letters* that the conditions in the address hold for."""
        asked = Conditions.read(request.GET.get("field", ""))
        if not asked.texts and not asked.refused:
            return letters
        found, notes = narrow(letters, self.by_state.states, asked)
        self.notes = [*self.notes, *notes]
        return found

    def get_results(self, request: HttpRequest) -> None:
        before, after = (Cursor.read(request.GET.get(name, "")) for name in CURSORS)
        self.page = keyset_pages.page(
            self.any_state,
            self.by_state.states,
            self.list_per_page,
            before=before,
            after=after,
        )
        self.paginator = self.model_admin.get_paginator(
            request, self.queryset, self.list_per_page
        )
        self.result_list = self.page.letters
        self.result_count = self.paginator.count
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = False
        self.can_show_all = self.multi_page = False

    @property
    def asked(self) -> str:
        """The query of this list, for what is done with all of it: without the page."""
        return self.get_query_string()[1:]

    @property
    def kept(self) -> str:
        """What links to letters carry, so that their pages know their place in this list."""
        return kept(self.asked or "state=waiting")

    @property
    def newer(self) -> str:
        return self._link("after", self.page.newer)

    @property
    def older(self) -> str:
        return self._link("before", self.page.older)

    def _link(self, name: str, cursor: Cursor | None) -> str:
        return self.get_query_string({name: cursor}) if cursor else ""
