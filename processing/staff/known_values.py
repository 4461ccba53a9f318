from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest


def filter_among(field: str, values: Collection[str]) -> type[admin.SimpleListFilter]:
    """The filter of a list by *field*, which offers *values*.

    Django's own reads the whole table to find the values that occur.
    """

    class AmongFilter(admin.SimpleListFilter):
        title = parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
            return [(value, value) for value in values]

        def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
            chosen = self.value()
            return queryset.filter(**{field: chosen}) if chosen else queryset

    return AmongFilter
