from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminToField
from django.contrib.admin.options import TO_FIELD_VAR
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path

from dlq_review.desk import finder_views, second_factor_views
from dlq_review.desk.overview import overview
from dlq_review.permissions import may
from processing.staff import second_factor


class TriageSite(admin.AdminSite):
    site_header = "Holdfast"
    site_title = "Holdfast"
    index_title = "Overview"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not second_factor.is_missing(
            request.user
        )

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Refuse an empty `_to_field`, which Django looks up as the name of a field."""

        @wraps(view)
        def refusing(request: HttpRequest, *args: Any, **more: Any) -> Any:
            if "" in (request.GET.get(TO_FIELD_VAR), request.POST.get(TO_FIELD_VAR)):
                raise DisallowedModelAdminToField("_to_field is empty. Leave it out.")
            return view(request, *args, **more)

        return super().admin_view(refusing, cacheable)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for a code if this session has shown a password only."""
        is_staff = super().has_permission(request)
        if request.method == "GET" and is_staff and not self.has_permission(request):
            return second_factor_views.go_to("admin:second_factor", request)
        return super().login(request, extra_context)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        here = "second-factor/"
        return [
            path(here, second_factor_views.show, name="second_factor"),
            path(f"{here}new/", second_factor_views.enrol, name="second_factor_enrol"),
            path(
                f"{here}codes/",
                second_factor_views.renew_codes,
                name="second_factor_codes",
            ),
            path("find/", self.admin_view(finder_views.find_requests), name="find"),
            path(
                "request/<path:request_id>/",  # an id of a stranger's message may hold a slash
                self.admin_view(finder_views.show_request),
                name="request",
            ),
            # Django's own check would let a session in without a code.
            path("logout/", self.logout, name="logout"),
            *super().get_urls(),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        offered = second_factor.is_offered()
        return {**super().each_context(request), "offers_second_factor": offered}

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        extra = overview() if may(request.user, "view") else {}
        return super().index(request, {**extra, **(extra_context or {})})

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """List the pages of the desk first."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model: _place(model["object_name"]))
        return sorted(apps, key=lambda app: _place(app["app_label"]))


_FIRST = (
    "FailureGroup",
    "DeadLetter",
    "Operation",
    "dlq_review",
    "processing",
    "intake",
    "auth",
)


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)
