"""Admin pages of rows that nobody changes by hand, with their personal data masked."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from processing.events.masking import MASK
from processing.staff.capped_paginator import CappedPaginator

PERSONAL = "dlq_review.view_personal_deadletter"
"""The permission to see personal data, at the desk and here."""


FINDING = "dlq_review.view_deadletter"
"""The permission to find requests by their names."""
_NAMES = ("order_id", "customer_id", "correlation_id")


def linked_field(name: str) -> Callable[[Any, Any], str]:
    """The stand-in of the field *name*: a link to all that bears it."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def show(self: Any, row: Any) -> str:
        value = getattr(row, name)
        url = reverse("admin:find", query={"q": value})
        return format_html('<a href="{}">{}</a>', url, value) if value else "–"

    return show


class ReadOnlyAdmin(admin.ModelAdmin):
    """Read-only pages of rows, which only events create and change."""

    linked_order_id = linked_field("order_id")
    linked_customer_id = linked_field("customer_id")
    linked_correlation_id = linked_field("correlation_id")

    personal: Mapping[str, Callable[[Any], str]] = {}
    """Fields with personal data, and the function that masks each.

    A list masks all of them. The page of a row shows them to holders of PERSONAL, and
    records that.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None
    actions_on_bottom = True  # or the stock list brings an inline style
    change_form_template = "admin/row.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(
        self, lookup: str, value: Any, request: HttpRequest | None = None
    ) -> bool:
        """Allow only the declared filters: others could be used to guess hidden values."""
        fields = {one for one in self.list_filter if isinstance(one, str)}
        filters = {getattr(one, "parameter_name", "") for one in self.list_filter}
        name, _, rest = lookup.partition("__")
        if lookup in fields | filters:
            return True
        if name in fields:  # a further part may lead to another model
            related = self.model._meta.get_field(name).is_relation
            return not related or rest in ("exact", "id__exact")
        return name not in {field.name for field in self.model._meta.get_fields()}

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        found = [*super().get_search_fields(request)]
        if request.user.has_perm(PERSONAL):
            return found
        return [one for one in found if one.partition("__")[0] not in self.personal]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Where whole values are searched: the rows by the first field that has this one.

        One field after the other: a database reads the whole table for a condition on two
        fields of which only one has an index, and ids, which have one, stand first.
        Who may search no field sees the whole list whatever the term, as with Django.
        """
        term, fields = search_term.strip(), self.get_search_fields(request)
        whole_values = all(field.endswith("__exact") for field in fields)
        if not term or not fields or not whole_values:
            return super().get_search_results(request, queryset, search_term)
        for field in fields:
            found = queryset.filter(**{field: term})
            if found.exists():
                return found, False
        return queryset.none(), False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Replace fields with personal data by their masked stand-ins, if needed."""
        found = self._linked(request, super().get_fields(request, obj))
        if request.user.has_perm(PERSONAL):
            return found
        return [f"masked_{one}" if one in self.personal else one for one in found]

    def get_list_display(self, request: HttpRequest) -> Any:
        """The first column leads to the row."""
        first, *others = super().get_list_display(request)
        return [first, *self._linked(request, others)]

    def _linked(self, request: HttpRequest, fields: Iterable[Any]) -> list[Any]:
        """Replace names of requests by links to all that bears them, for who may follow."""
        if not request.user.has_perm(FINDING):
            return list(fields)
        return [f"linked_{one}" if one in _NAMES else one for one in fields]

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **more: Any
    ) -> HttpResponse:
        found = self.get_object(request, object_id) if self.personal else None
        if found is not None and request.user.has_perm(PERSONAL):
            LogEntry.objects.log_actions(
                request.user.pk or 0, [found], CHANGE, "Looked at personal data."
            )
        return super().change_view(request, object_id, *args, **more)


def masked_field(name: str) -> Callable[[ReadOnlyAdmin, Any], str]:
    """The stand-in of the field *name*, for a list or a page."""

    @admin.display(description=name.replace("_", " "))
    def show(self: ReadOnlyAdmin, row: Any) -> str:
        value = getattr(row, name)
        return self.personal[name](value) if value else "–"

    return show


def hidden(value: object) -> str:
    return MASK
