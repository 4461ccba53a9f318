"""What the letters of a group or a filtered list have in common, with links to act on it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from dlq_review.desk import operation_views
from dlq_review.desk.letter_list import CURSORS, LetterList
from dlq_review.desk.responses import page
from dlq_review.facets import card
from dlq_review.facets.card import Row, Value
from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.permissions import may, may_operate
from dlq_review.search import keyset_pages
from dlq_review.search.circumstances import ATTRIBUTE
from processing.staff.capped_paginator import MOST_COUNTED

# The page of a group shows FIRST rows of OF_GROUP letters. The card has a page of its own.
FIRST, OF_GROUP = 8, 200
_LABELS = {
    "@hour": "Hour of the last failure, UTC",
    "@release": "Release that failed",
    "@worker": "Worker that failed",
}
Asked = Sequence[tuple[str, str]]
"""The filters of a list, as in its address."""


@dataclass(frozen=True, slots=True)
class ShownValue:
    value: Value
    narrowed: str
    """The address of the list of the letters with it; empty if they cannot be asked for."""
    operation: str
    """The address of the form for an operation on them."""

    @property
    def percent(self) -> int:
        return round(100 * self.value.share)

    @property
    def beside(self) -> str:
        share = self.value.beside
        if share is None:
            return "not stored"
        return "never" if not share else f"{100 * share:.3g} %"


@dataclass(frozen=True, slots=True)
class ShownRow:
    row: Row
    label: str
    values: list[ShownValue]


def of_group(request: HttpRequest, group: FailureGroup) -> dict[str, Any]:
    """The context of the card on the page of *group*."""
    most = min(OF_GROUP, card.SAMPLE)
    letters = _newest(group.letters.all(), DeadLetter.WAITING, most)
    asked = [("group", str(group.pk)), ("state", "waiting")]
    of = f"{max(group.waiting, len(letters)):,}"
    return _context(request, letters, of, asked, first=FIRST)


def _newest(
    letters: QuerySet[DeadLetter], states: Iterable[str], most: int
) -> list[DeadLetter]:
    return keyset_pages.older(letters.only(*card.FIELDS), states, most)


def of_list(request: HttpRequest, shown: LetterList) -> HttpResponse:
    states = shown.by_state.states
    letters = _newest(shown.any_state, states, card.SAMPLE)
    count = shown.result_count
    of = f"{count:,}{'+' if count >= MOST_COUNTED else ''}"
    # Without its cursors; a name that comes twice counts once, as the list reads it.
    asked = [
        (name, str(value)) for name, value in request.GET.items() if name not in CURSORS
    ]
    context = {
        "title": "What these have in common",
        "cl": shown,
        **_context(request, letters, of, asked),
    }
    return page(request, "dlq_review/common.html", context)


def _context(
    request: HttpRequest,
    letters: Sequence[DeadLetter],
    of: str,
    asked: Asked,
    first: int | None = None,
) -> dict[str, Any]:
    found = card.look(letters) if letters else None
    if found is None:
        return {"common": None}
    links = _Links(asked, may_act=_may_act(request, dict(asked)))
    return {
        "common": found,
        "common_of": of,
        "common_all": of == f"{len(letters):,}",
        "common_failing": links.shown(found.failing[:first]),
        "common_rows": links.shown(found.rows[:first]),
        "common_plain": links.shown(found.plain) if first is None else [],
        "common_alike": links.shown(found.alike),
        # A guess in a letter of one's own would be confirmed by a number that stays.
        "common_counts": may(request.user, "reveal"),
        "common_more": 0 if first is None else len(found.rows[first:] + found.plain),
        "common_list": f"?{urlencode(asked)}",
    }


def is_choosable(asked: Mapping[str, str]) -> bool:
    """Whether an operation can choose exactly the letters of the list *asked* for."""
    chosen = {name for name, value in asked.items() if value} - {"state", *CURSORS}
    return chosen <= set(operation_views.CHOICES)


def _may_act(request: HttpRequest, asked: dict[str, str]) -> bool:
    waiting = asked.get("state", "waiting") == "waiting"
    return waiting and is_choosable(asked) and may_operate(request.user, "redrive")


@dataclass(frozen=True, slots=True)
class _Links:
    asked: Asked
    may_act: bool

    def shown(self, rows: Sequence[Row]) -> list[ShownRow]:
        return [
            ShownRow(row, _label(row.path), [self._value(one) for one in row.values])
            for row in rows
        ]

    def _value(self, value: Value) -> ShownValue:
        if not value.condition:
            return ShownValue(value, "", "")
        asked = dict(self.asked)
        asked["field"] = "\n".join(filter(None, [asked.get("field"), value.condition]))
        query = urlencode(asked)
        narrowed = reverse("admin:dlq_review_deadletter_changelist")
        operation = reverse("admin:dlq_review_operation_new")
        return ShownValue(
            value,
            f"{narrowed}?{query}",
            f"{operation}?{query}" if self.may_act else "",
        )


def _label(path: str) -> str:
    prefix = f"@{ATTRIBUTE}."
    if path.startswith(prefix):
        return f"Attribute {path.removeprefix(prefix)}"
    return _LABELS.get(path, path or "the whole body")
