"""The filters of the list: static choices, or few rows of the group table."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.numbers import row_number
from dlq_review.selecting import SINCE, since
from processing.contracts import CONTRACTS
from processing.topology import QUEUES

S = DeadLetter.State
Letters = QuerySet[DeadLetter]
Choices = list[tuple[str, str]]


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [*S.choices, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        without, *states = super().choices(changelist)
        return [{**without, "display": "Waiting for us"}, *states]

    def states(self, request: HttpRequest) -> Sequence[str]:
        if self.value() in S.values:
            return (str(self.value()),)
        if self.value() == "all" or {"q", "group"} & request.GET.keys():
            return S.values
        return DeadLetter.WAITING

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        states = self.states(request)
        # All of them, which is not the same to a database as every one of them.
        return queryset if states == S.values else queryset.filter(state__in=states)


class QueueFilter(admin.SimpleListFilter):
    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(name, name) for name in QUEUES]

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        return queryset.filter(queue=self.value()) if self.value() else queryset


class TypeFilter(admin.SimpleListFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(name, name.replace("_", " ")) for name in CONTRACTS]

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        return queryset.filter(type=self.value()) if self.value() else queryset


class ErrorFilter(admin.SimpleListFilter):
    title = "error"
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        names = FailureGroup.objects.order_by("error_type").values_list(
            "error_type", flat=True
        )
        return [(name, name) for name in names.distinct()[:50]]

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        return queryset.filter(error_type=self.value()) if self.value() else queryset


class SinceFilter(admin.SimpleListFilter):
    title = "failed since"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(name, f"Last {name}") for name in SINCE]

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        if self.value() not in SINCE:
            return queryset
        return queryset.filter(last_failed_at__gte=since(str(self.value())))


class GroupStateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [*FailureGroup.State.choices, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        without, *states = super().choices(changelist)
        return [{**without, "display": "Not resolved"}, *states]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[FailureGroup]
    ) -> QuerySet[FailureGroup]:
        if self.value() in FailureGroup.State.values:
            return queryset.filter(state=self.value())
        if self.value() == "all":
            return queryset
        return queryset.exclude(state=FailureGroup.State.RESOLVED, waiting__lte=0)


class GroupFilter(admin.SimpleListFilter):
    title = "group"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        number = row_number(request.GET.get("group", ""))
        groups = FailureGroup.objects.filter(pk=number)
        return [(str(group.pk), str(group)) for group in groups]

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        group = self.value()
        known = group is not None and group in dict(self.lookup_choices)
        return queryset.filter(group_id=int(group or 0)) if known else queryset
