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
        first = ["dlq_review", "processing", "auth"]
        apps.sort(
            key=lambda app: (
                first.index(app["app_label"])
                if app["app_label"] in first
                else len(first)
            )
        )
        return apps
