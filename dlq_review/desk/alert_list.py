"""The page of the alerts: the channels, a test of each, and every delivery."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from dlq_review.alerts import outbox, raising
from dlq_review.alerts.channels import registry
from dlq_review.alerts.kinds import KINDS
from dlq_review.desk.responses import needs
from dlq_review.models import AlertDelivery, AuditEntry
from dlq_review.permissions import may
from processing.staff.known_values import filter_among
from processing.staff.read_only_admin import ReadOnlyAdmin

LIST = "admin:dlq_review_alertdelivery_changelist"
MOST_LASTING = 20
_DENIED = "You do not have the permission to send test alerts."


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("sentence",)
    list_filter = (
        filter_among("state", AlertDelivery.State.values),
        filter_among("channel", registry.CHANNELS),
        filter_among("kind", KINDS),
    )
    list_per_page = 50
    list_max_show_all = 50
    search_fields = ("name",)
    search_help_text = "Kind and what it is about, as in growth/orders"
    sortable_by = ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_test = may(request.user, "test_alerts")
        lasting = raising.lasting().order_by("-began_at")
        context = {
            "title": "Alerts",
            "channels": described(),
            "lasting": lasting[:MOST_LASTING],
            "more_last": lasting[MOST_LASTING:].exists(),
            "may_test": may_test,
            "denied": "" if may_test else _DENIED,
        }
        return super().changelist_view(request, context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(test)
        name = "dlq_review_alertdelivery_test"
        return [path("test/<str:channel>/", view, name=name), *super().get_urls()]


def described() -> list[dict[str, Any]]:
    """Each channel with what may be shown of its settings, and what waits for it."""
    by_channel = outbox.waiting().order_by().values("channel")
    counted = by_channel.annotate(number=Count("pk"), next=Min("next_try_at"))
    waiting = {row["channel"]: row for row in counted}
    configured = {channel.name for channel in registry.configured()}
    return [
        {
            "channel": channel,
            "is_set": channel.name in configured,
            "goes_to": channel.goes_to() if channel.name in configured else "",
            "waiting": waiting.get(channel.name, {"number": 0, "next": None}),
            "sent": AlertDelivery.objects.filter(
                channel=channel.name, state=AlertDelivery.State.SENT
            ).first(),
            "trouble": outbox.trouble_of(channel),
        }
        for channel in registry.CHANNELS.values()
    ]


@require_POST
@needs("test_alerts")
def test(request: HttpRequest, channel: str) -> HttpResponse:
    """Have the jobs send a test alert by *channel*, on record."""
    if channel not in registry.CHANNELS:
        raise Http404
    asked = registry.CHANNELS[channel]
    if asked not in registry.configured():
        messages.error(request, f"{asked.title} is off: {asked.setting} is not set.")
        return redirect(LIST)
    with transaction.atomic():
        written = raising.test(asked)
        if written:
            by = request.user.get_username()
            AuditEntry.note(None, AuditEntry.Verb.TESTED, by=by, after=asked.title)
    if written:
        messages.success(request, f"A test by {asked.title} is sent within a minute.")
    else:
        messages.warning(request, f"The last test by {asked.title} waits still.")
    return redirect(LIST)
