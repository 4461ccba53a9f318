from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from dlq_review.actions import may
from dlq_review.overview import overview


class TriageSite(admin.AdminSite):
    site_header = "Holdfast"
    site_title = "Holdfast"
    index_title = "Overview"

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        extra = overview() if may(request.user, "view") else {}
        return super().index(request, {**extra, **(extra_context or {})})

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """What staff come for stands first."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model: _place(model["object_name"]))
        return sorted(apps, key=lambda app: _place(app["app_label"]))


_FIRST = ("FailureGroup", "DeadLetter", "Operation", "dlq_review", "processing", "auth")


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)
