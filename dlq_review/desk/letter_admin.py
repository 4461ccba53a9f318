"""The list of dead letters, and the pages of one."""

from collections.abc import Iterator
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
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from dlq_review.desk import (
    edit_views,
    example_views,
    facet_views,
    group_filters,
    letter_views,
    list_filters,
)
from dlq_review.desk.alert_list import AlertDeliveryAdmin as AlertDeliveryAdmin
from dlq_review.desk.letter_list import LetterList
from dlq_review.desk.own_pages import OwnPagesAdmin, Page
from dlq_review.desk.responses import check_may
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import (
    DeadLetter,
    Operation,
)
from dlq_review.permissions import denial, may, may_operate, may_schedule
from dlq_review.redrive import undo_window
from dlq_review.search.export import FORMATS


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
