from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from dlq_review.desk import (
    audit_list,
    edit_many_views,
    group_filters,
    group_list,
    group_verbs,
    group_views,
    list_filters,
    operation_views,
    policy_views,
)
from dlq_review.desk.alert_list import AlertDeliveryAdmin as AlertDeliveryAdmin
from dlq_review.desk.group_views import described
from dlq_review.desk.letter_admin import DeadLetterAdmin as DeadLetterAdmin
from dlq_review.desk.own_pages import DeskAdmin, OwnPagesAdmin, Page
from dlq_review.desk.responses import check_may
from dlq_review.models import (
    AuditEntry,
    Erasure,
    FailureGroup,
    Operation,
    RedrivePolicy,
)
from dlq_review.permissions import SCHEDULING, denial
from processing.events.masking import mask
from processing.staff.read_only_admin import ReadOnlyAdmin, hidden, masked_field


@admin.register(FailureGroup)
class FailureGroupAdmin(OwnPagesAdmin):
    list_display = ("error_type",)
    list_filter = (
        list_filters.GroupStateFilter,
        list_filters.QueueFilter,
        list_filters.TypeFilter,
        group_filters.GroupOwnerFilter,
        group_filters.NewFilter,
        group_filters.ReleaseFilter,
        group_filters.GroupOperationFilter,
        group_filters.GroupEditedFilter,
        group_filters.GroupRedrivenFilter,
        group_filters.SortFilter,
    )
    search_fields = ("error_type", "sentence", "template", "place", "owner")
    search_help_text = "Error, text, place in the code, or owner"
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[FailureGroup]:
        return super().get_queryset(request).filter(merged_into=None)

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        return group_filters.order(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer = super().changelist_view(request, {"title": "Failure groups"})
        if isinstance(answer, TemplateResponse) and answer.context_data:
            changelist = answer.context_data.get("cl")
            if changelist is not None:
                rows = list(changelist.result_list)
                groups, newest = group_list.with_newest_entries(rows)
                answer.context_data["groups"] = [
                    {**about, "seen": newest.get(about["group"].pk, 0)}
                    for about in described(groups)
                ]
                answer.context_data |= group_list.context(request)
        return answer

    @method_decorator(require_POST)
    def many(self, request: HttpRequest) -> HttpResponse:
        """Act on the ticked groups; where one was left alone, keep what was typed."""
        for name in ("view", "edit"):
            check_may(request, name)
        if group_list.act_on_many(request):
            return group_list.back(request)
        answer = self.changelist_view(request)
        answer.status_code = HTTPStatus.CONFLICT
        return answer

    def pages(self) -> Iterator[Page]:
        here = "<int:group_id>/"
        yield Page("looked/", "looked", group_list.looked)
        yield Page("many/", "many", self.many)
        yield Page(f"{here}change/", "change", group_views.group_page)
        yield Page(f"{here}rehearse/", "rehearse", group_views.rehearse_some)
        yield Page(f"{here}take_over/", "take_over", group_views.take_over)
        for verb in group_verbs.VERBS:
            yield Page(f"{here}{verb}/", verb, group_views.triage, {"verb": verb})


@admin.register(Operation)
class OperationAdmin(OwnPagesAdmin):
    personal = {"reason": mask}
    masked_reason = masked_field("reason")
    list_display = ("__str__", "state", "total", "by", "masked_reason", "created_at")
    list_filter = ("state", "kind")
    search_fields = ("by", "reason")
    search_help_text = "Who began it, or words of the reason"

    def pages(self) -> Iterator[Page]:
        here = "<int:operation_id>/"
        yield Page("new/", "new", operation_views.new)
        yield Page("edit/", "edit", edit_many_views.edit_many)
        yield Page(f"{here}change/", "change", operation_views.operation_page)
        yield Page(f"{here}undo/", "undo", operation_views.undo)
        for verb in operation_views.STEERING:
            yield Page(f"{here}{verb}/", verb, operation_views.steer, {"verb": verb})


@admin.register(RedrivePolicy)
class RedrivePolicyAdmin(OwnPagesAdmin):
    personal = {"reason": mask}
    masked_reason = masked_field("reason")
    list_display = (
        *("__str__", "state", "owner", "masked_reason", "next_run", "until"),
    )
    list_filter = ("state", "probe")
    search_fields = ("owner", "reason")
    search_help_text = "The owner, or words of the reason"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        denied = denial(request.user, SCHEDULING)
        return super().changelist_view(request, {"denied": denied})

    def pages(self) -> Iterator[Page]:
        here = "<int:policy_id>/"
        yield Page("new/", "new", policy_views.new)
        yield Page(f"{here}change/", "change", policy_views.policy_page)
        for verb in policy_views.STEERING:
            yield Page(f"{here}{verb}/", verb, policy_views.steer, {"verb": verb})


@admin.register(AuditEntry)
class AuditEntryAdmin(DeskAdmin):
    personal = {"reason": hidden}
    list_display = ("verb",)
    list_per_page = list_max_show_all = 100
    list_select_related = ("letter", "group", "operation", "policy")
    list_filter = (
        audit_list.PersonFilter,
        audit_list.DayFilter,
        "verb",
        audit_list.LetterFilter,
        audit_list.GroupFilter,
        audit_list.OperationFilter,
        audit_list.PolicyFilter,
    )
    search_fields = ("actor__exact", "letter__request_id__exact")
    search_help_text = "A user name, or the request id of a dead letter"
    sortable_by = ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        if isinstance(answer, TemplateResponse) and answer.context_data:
            entries = answer.context_data["cl"].result_list
            answer.context_data["folds"] = audit_list.folded(entries)
        return answer

    @admin.display(description="reason")
    def masked_reason(self, entry: AuditEntry) -> str:
        (fold,) = audit_list.folded([entry])
        return fold.reason


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """That persons were forgotten (manage.py forget); nobody is named."""

    list_display = ("began_at", "by", "ended_at", "person")
