"""The admin of API keys: staff with the permission make, follow and revoke them.

The text of a key is shown once, in the response that makes it. Each action is recorded in
Django's history of the key.
"""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse

from intake.keys.forms import FirstKeyForm, NextKeyForm
from intake.keys.known_keys import REVOKED_WITHIN
from intake.models import ApiKey, KeyExistsError
from processing.staff.read_only_admin import ReadOnlyAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("name", "begins", "state", "may_send", "expires_at", "last_used_at")
    search_fields = ("producer__icontains", "prefix__startswith")
    search_help_text = "A producer, or the beginning of a key"
    fields = (
        *("name", "begins", "state", "may_send", "created_at", "expires_at"),
        *("revoked_at", "last_used_at"),
    )
    change_form_template = "admin/api_keys/key.html"

    @admin.display(description="key", ordering="producer")
    def name(self, key: ApiKey) -> str:
        return str(key)

    @admin.display(description="begins with")
    def begins(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @admin.display
    def state(self, key: ApiKey) -> str:
        return key.state

    @admin.display(description="may send")
    def may_send(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("intake.add_apikey"))

    def get_urls(self) -> list[URLPattern]:
        def step(name: str, view: Any) -> URLPattern:
            wrapped = self.admin_site.admin_view(view)
            found: URLPattern = path(
                f"<int:pk>/{name}/", wrapped, name=f"intake_apikey_{name}"
            )
            return found

        ours = [step("next", self.follow), step("revoke", self.revoke)]
        return [*ours, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Make the first key of a producer, and show it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = FirstKeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                key, text = ApiKey.make(**form.cleaned_data)
            except KeyExistsError:
                form.add_error("producer", form.FOLLOW)
            else:
                return self._made(request, key, text)
        return self._ask(request, "Make an API key", form)

    def follow(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make the next key of a producer, and end the former one soon."""
        key = self._key(request, pk, "intake.add_apikey", "intake.change_apikey")
        form = NextKeyForm(request.POST or None, initial={"scopes": key.scopes})
        if request.method == "POST" and form.is_valid():
            try:
                made, text = key.follow(**form.cleaned_data)
            except KeyExistsError:
                form.add_error(None, form.FOLLOWED)
            else:
                self.log_change(request, key, f"Followed by {made}.")
                return self._made(request, made, text)
        return self._ask(request, f"The key after {key}", form, key)

    def revoke(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, then end a key for good."""
        key = self._key(request, pk, "intake.change_apikey")
        if request.method == "POST":
            if key.revoke():
                self.log_change(request, key, "Revoked.")
            within = f"It is refused everywhere within {REVOKED_WITHIN} seconds."
            self.message_user(request, f"{key} was revoked. {within}")
            return redirect("admin:intake_apikey_change", pk)
        return self._show(request, "revoke.html", f"Revoke {key}", key=key)

    def _key(self, request: HttpRequest, pk: int, *permissions: str) -> ApiKey:
        if not request.user.has_perms(permissions):
            raise PermissionDenied
        key = ApiKey.objects.filter(pk=pk).first()
        if key is None:
            raise Http404
        return key

    def _made(self, request: HttpRequest, key: ApiKey, text: str) -> HttpResponse:
        self.log_addition(request, key, f"Made, to send {', '.join(key.scopes)}.")
        return self._show(request, "made.html", f"{key} is made", key=key, text=text)

    def _ask(
        self, request: HttpRequest, title: str, form: Any, key: ApiKey | None = None
    ) -> HttpResponse:
        return self._show(request, "make.html", title, form=form, key=key)

    def _show(
        self, request: HttpRequest, template: str, title: str, **found: Any
    ) -> HttpResponse:
        key = found.get("key")
        back = (
            reverse("admin:intake_apikey_change", args=[key.pk])
            if key
            else reverse("admin:intake_apikey_changelist")
        )
        context = {
            **self.admin_site.each_context(request),
            **found,
            "title": title,
            "back": back,
            "within": REVOKED_WITHIN,
            "are_off": settings.API_KEYS == "off",
        }
        return render(request, f"admin/api_keys/{template}", context)
