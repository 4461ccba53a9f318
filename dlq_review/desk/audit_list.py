"""The list of the audit: its filters, and its rows, of which those that are alike are one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from dlq_review.desk.list_filters import Choices
from dlq_review.models import AuditEntry, OperationItem
from dlq_review.search.row_numbers import row_number
from dlq_review.search.veil import reason_about
from processing.events.masking import mask
from processing.models import User

Entries = QuerySet[AuditEntry]
DAY = timedelta(days=1)
MOST_PEOPLE = 50  # to choose from


@dataclass(frozen=True, slots=True)
class Row:
    """One entry, with its reason masked."""

    entry: AuditEntry
    reason: str


@dataclass(frozen=True, slots=True)
class Fold:
    """Entries side by side that say the same of different letters."""

    rows: list[Row]

    @property
    def first(self) -> AuditEntry:
        return self.rows[0].entry

    @property
    def last(self) -> AuditEntry:
        return self.rows[-1].entry

    @property
    def reason(self) -> str:
        """What all say; empty if the masks of their letters differ."""
        said = {row.reason for row in self.rows}
        return said.pop() if len(said) == 1 else ""


def folded(entries: Iterable[AuditEntry]) -> list[Fold]:
    alike = groupby(entries, _key)
    return [Fold([Row(one, _reason(one)) for one in some]) for _, some in alike]


def _key(entry: AuditEntry) -> tuple[Any, ...]:
    if entry.letter_id is None:
        return (entry.pk,)
    return entry.actor, entry.verb, entry.before, entry.after, entry.reason


def _reason(entry: AuditEntry) -> str:
    if entry.letter is None:
        return mask(entry.reason)
    return reason_about(entry.letter, entry.reason)


class PersonFilter(admin.SimpleListFilter):
    """`of-eva`, or `machine` for what Holdfast did itself."""

    title = "who"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        staff = User.objects.filter(is_staff=True).order_by("username")
        names = list(staff.values_list("username", flat=True)[:MOST_PEOPLE])
        asked = request.GET.get("who", "")
        if asked.startswith("of-"):
            names.append(asked.removeprefix("of-"))
        people = [(f"of-{name}", name) for name in dict.fromkeys(names)]
        return [*people, ("machine", "Holdfast itself")]

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        if self.value() not in dict(self.lookup_choices):
            return queryset
        if self.value() == "machine":
            return queryset.filter(actor="")
        name = str(self.value()).removeprefix("of-")
        return queryset.filter(actor=name, actor__gt="")  # for the index


class DayFilter(admin.SimpleListFilter):
    """A day in UTC, as 2026-11-20."""

    title = "day"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        today = timezone.now().date()
        found = {str(today): "Today", str(today - DAY): "Yesterday"}
        asked = _day(request.GET.get("day", ""))
        return [*({str(asked): str(asked)} | found if asked else found).items()]

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        if (day := _day(self.value() or "")) is None:
            return queryset
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return queryset.filter(at__gte=begin, at__lt=begin + DAY)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 9000 else None


class _AboutFilter(admin.SimpleListFilter):
    """The entries about one row; a link names its number."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        number = row_number(request.GET.get(str(self.parameter_name), ""))
        return [(str(number), f"#{number}")] if number else []

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        number = row_number(self.value() or "")
        return queryset.filter(self.about(number)) if number else queryset

    def about(self, number: int) -> Q:
        return Q(**{str(self.parameter_name): number})


class LetterFilter(_AboutFilter):
    title = parameter_name = "letter"


class GroupFilter(_AboutFilter):
    title = parameter_name = "group"


class PolicyFilter(_AboutFilter):
    title = parameter_name = "policy"


class OperationFilter(_AboutFilter):
    """The entries about an operation, and those of its letters since it was made."""

    title = parameter_name = "operation"

    def about(self, number: int) -> Q:
        items = OperationItem.objects.filter(operation=number)
        made = AuditEntry.objects.filter(operation=number).order_by("pk")[:1]
        first = made.values_list("pk", flat=True).first() or 0
        return Q(operation=number) | Q(letter__in=items.values("letter"), pk__gt=first)
