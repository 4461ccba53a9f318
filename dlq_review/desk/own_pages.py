"""Admin pages of the desk: rows that nobody changes by hand, on pages of our own."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from dlq_review.permissions import may
from processing.staff.capped_paginator import CappedPaginator
from processing.staff.read_only_admin import ReadOnlyAdmin


class DeskAdmin(ReadOnlyAdmin):
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 50


class Page(NamedTuple):
    route: str
    """Below the address of the model."""
    name: str
    view: Callable[..., HttpResponseBase]
    given: dict[str, str] = {}
    """What the view gets beside the request and what the route names."""


class OwnPagesAdmin(DeskAdmin):
    """Rows that only pages of our own show, however their number is spelled."""

    def pages(self) -> Iterator[Page]:
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(
                one.route,
                self.admin_site.admin_view(one.view),
                one.given,
                name=f"{prefix}_{one.name}",
            )
            for one in self.pages()
        ]
        return [*own, *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, "view")

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **more: Any
    ) -> HttpResponse:
        raise Http404

    delete_view = history_view = change_view
