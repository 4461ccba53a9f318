from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from dlq_review.desk import (
    audit_list,
    edit_many_views,
    edit_views,
    example_views,
    facet_views,
    group_filters,
    group_list,
    group_verbs,
    group_views,
    letter_views,
    list_filters,
    operation_views,
    policy_views,
)
from dlq_review.desk.alert_list import AlertDeliveryAdmin as AlertDeliveryAdmin
from dlq_review.desk.group_views import described
from dlq_review.desk.letter_list import LetterList
from dlq_review.desk.own_pages import DeskAdmin, OwnPagesAdmin, Page
from dlq_review.desk.responses import check_may
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import (
    AuditEntry,
    DeadLetter,
    Erasure,
    FailureGroup,
    Operation,
    RedrivePolicy,
)
from dlq_review.permissions import SCHEDULING, denial, may, may_operate, may_schedule
from dlq_review.redrive import undo_window
from dlq_review.search.export import FORMATS
from processing.events.masking import mask
from processing.staff.read_only_admin import ReadOnlyAdmin, hidden, masked_field


@admin.register(DeadLetter)
class DeadLetterAdmin(OwnPagesAdmin):
    list_display = ("reference", "state", "type", "error_type", "last_failed_at")
    list_filter = (
        list_filters.StateFilter,
        list_filters.QueueFilter,
        list_filters.TypeFilter,
        list_filters.ErrorFilter,
        list_filters.SinceFilter,
        list_filters.GroupFilter,
        list_filters.OperationFilter,
        list_filters.ConditionFilter,
        group_filters.LetterOwnerFilter,
        group_filters.ReleaseFilter,
        group_filters.EditedFilter,
        group_filters.RedrivenFilter,
    )
    search_fields = ("request_id",)  # so that there is a box
    search_help_text = "An id, a reference, an error, or words of the body"
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return LetterList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        restoring = request.GET.get("state") == DeadLetter.State.DISCARDED
        needed = ("restore",) if restoring else ()
        context = {
            "title": "Dead letters",
            "may_redrive": may(request.user, "redrive"),
            "may_edit": may(request.user, "edit") and may(request.user, "reveal"),
            "may_edit_form": may(request.user, "edit"),
            "may_discard": may_operate(request.user, Operation.Kind.DISCARD),
            "may_export": may(request.user, "export"),
            "may_operate": may(request.user, "bulk_redrive"),
            "may_schedule": may_schedule(request.user),
            "may_restore": may_operate(request.user, Operation.Kind.RESTORE),
            "restoring": restoring,
            "choosable": facet_views.is_choosable(request.GET.dict()),
            "undoable": undo_window.undoable()[:5] if may(request.user, "undo") else (),
            "exports": (("csv", "CSV"), ("jsonl", "JSON Lines")),
            "denied": denial(
                request.user,
                ("redrive", "edit", "bulk_redrive", "export", *needed, "reveal"),
            ),
        }
        return super().changelist_view(request, context)

    @method_decorator(require_POST)
    def export(self, request: HttpRequest, format: str) -> HttpResponseBase:
        """Export all letters that match the filters of the list, as a file."""
        check_may(request, "export")
        if format not in FORMATS:
            raise Http404
        letters = self.get_changelist_instance(request).get_queryset(request)
        kind, write = FORMATS[format]
        masked = not may(request.user, "reveal")
        if not masked:
            chosen = request.GET.urlencode() or "no filter"
            where = f"Export of {letters.count():,} as {format}: {chosen}"
            note_reveal(request.user.get_username(), where)
        return StreamingHttpResponse(
            write(letters, masked=masked),
            content_type=kind,
            headers={
                "Content-Disposition": f'attachment; filename="dead-letters.{format}"'
            },
        )

    def common(self, request: HttpRequest) -> HttpResponse:
        """What the letters that match the filters of the list have in common."""
        check_may(request, "view")
        try:
            shown = cast("LetterList", self.get_changelist_instance(request))
        except IncorrectLookupParameters:
            return redirect("admin:dlq_review_deadletter_changelist")
        return facet_views.of_list(request, shown)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        return queryset, False  # LetterList searches, and says what it left out

    def pages(self) -> Iterator[Page]:
        here = "<int:letter_id>/"
        yield Page("export/<str:format>/", "export", self.export)
        yield Page("common/", "common", self.common)
        yield Page(f"{here}change/", "change", letter_views.detail)
        yield Page(f"{here}edit/", "edit", edit_views.edit)
        yield Page(f"{here}redrive/", "redrive", letter_views.redrive)
        yield Page(f"{here}undo/", "undo", letter_views.undo)
        yield Page(f"{here}rehearse/", "rehearse", letter_views.rehearse)
        yield Page(f"{here}example/", "example", example_views.make)
        yield Page(f"{here}reveal/", "reveal", letter_views.reveal)
        yield Page(f"{here}body/<int:number>/", "body", letter_views.body)
        for verb in letter_views.SETTLEMENTS:
            yield Page(f"{here}{verb}/", verb, letter_views.settle, {"verb": verb})


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
