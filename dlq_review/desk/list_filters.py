"""The filters of the list.

Their choices are static, or come from few rows of the group table.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from dlq_review.models import DeadLetter, FailureGroup, Operation, OperationItem
from dlq_review.monitoring import deadlines
from dlq_review.search.narrowing import Conditions
from dlq_review.search.row_numbers import row_number
from dlq_review.search.selections import SINCE, since
from processing.events.contracts import CONTRACTS
from processing.sqs.topology import QUEUES
from processing.staff.known_values import filter_among

S = DeadLetter.State
Letters = QuerySet[DeadLetter]
Choices = list[tuple[str, str]]


class StateFilter(admin.SimpleListFilter):
    """Without a choice: waiting letters, or all states if there is a search, group or operation."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        self.unchosen = (
            "all" if {"q", "group", "operation"} & request.GET.keys() else "waiting"
        )
        pressing = [("overdue", "Overdue"), ("soon", "Near or past the SQS limit")]
        return [("waiting", "Waiting for us"), *S.choices, *pressing, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        _, *states = super().choices(changelist)
        names = [name for name, _ in self.lookup_choices]
        return [
            {**choice, "selected": name == self.chosen}
            for name, choice in zip(names, states, strict=True)
        ]

    @property
    def chosen(self) -> str:
        value = self.value()
        return value if value in dict(self.lookup_choices) else self.unchosen

    @property
    def states(self) -> Sequence[str]:
        if self.chosen in S.values:
            return (self.chosen,)
        if self.chosen == "overdue":
            return (S.REDRIVEN,)
        return S.values if self.chosen == "all" else DeadLetter.WAITING

    def narrowed(self, letters: Letters) -> Letters:
        """*letters* that are overdue or near their limit, if that is chosen; any state."""
        presses = {"overdue": deadlines.overdue, "soon": deadlines.near_limit}
        return letters.filter(presses.get(self.chosen, Q)())

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        found = self.narrowed(queryset)
        # No `IN (all states)`: the planner cannot use the ordering index for it.
        all_of_them = self.states == S.values
        return found if all_of_them else found.filter(state__in=self.states)


QueueFilter = filter_among("queue", QUEUES)


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


#: Groups that the list leaves out, unless it is asked for them.
OVER = Q(state=FailureGroup.State.RESOLVED, waiting__lte=0)


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
        return queryset.exclude(OVER)


class OperationFilter(admin.SimpleListFilter):
    """The letters of an operation, as `12`, or those of one result, as `12-processed`."""

    title = "operation"
    parameter_name = "operation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        value = request.GET.get("operation", "")
        number, _, result = value.partition("-")
        operation = Operation.objects.filter(pk=row_number(number)).first()
        if operation is None or (result and result not in OperationItem.State.values):
            return []
        label = f", {OperationItem.State(result).label}" if result else ""
        return [(value, f"{operation}{label}")]

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        number, _, result = str(self.value()).partition("-")
        items = OperationItem.objects.filter(operation=int(number))
        items = items.filter(state=result) if result else items
        return queryset.filter(pk__in=items.values("letter"))


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


class ConditionFilter(admin.SimpleListFilter):
    """Conditions on bodies and circumstances, one a line; LetterList asks them."""

    title = "condition"
    parameter_name = "field"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        text = request.GET.get(self.parameter_name, "")
        self.conditions = Conditions.read(text)
        return [(text, str(self.conditions))] if self.conditions.texts else []

    def has_output(self) -> bool:
        return bool(self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: Letters) -> Letters:
        return queryset
