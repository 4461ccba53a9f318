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
        extra = (
            overview(request.GET.get("over", "")) if may(request.user, "view") else {}
        )
        return super().index(request, {**extra, **(extra_context or {})})

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """The tables by what they are for. The page of one app lists that app alone."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        sections: dict[str, dict[str, Any]] = {}
        models = [(app, model) for app in apps for model in app["models"]]
        for app, model in sorted(models, key=lambda one: _place(one[1]["object_name"])):
            name = _section(app["app_label"], model["object_name"])
            section = sections.setdefault(name, {**app, "name": name, "models": []})
            section["models"].append(model)
        return [sections[name] for name in _SECTIONS if name in sections]


_SECTIONS = _TRIAGE, _LOOK_UP, _ADMINISTRATION = "Triage", "Look up", "Administration"
_FIRST = ("FailureGroup", "DeadLetter", "Operation", "RedrivePolicy", "AlertDelivery")
_OF_AN_ADMINISTRATOR = ("Erasure", "StaffMember")


def _section(app_label: str, name: str) -> str:
    if name in _OF_AN_ADMINISTRATOR:
        return _ADMINISTRATION
    by_app = {"dlq_review": _TRIAGE, "processing": _LOOK_UP}
    return by_app.get(app_label, _ADMINISTRATION)


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)
