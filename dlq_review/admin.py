from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from dlq_review import filters, views
from dlq_review.actions import may
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.paging import CappedPaginator


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only services write."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 50
    actions = None
    actions_on_bottom = True  # or the stock list brings an inline style

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("reference", "state", "type", "error_type", "last_failed_at")
    list_filter = (
        filters.StateFilter,
        filters.QueueFilter,
        filters.TypeFilter,
        filters.ErrorFilter,
        filters.SinceFilter,
        filters.GroupFilter,
    )
    search_fields = ("request_id",)
    search_help_text = "A request id, an order id, an address, or the name of an error"
    sortable_by = ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"title": "Dead letters", "may_redrive": may(request.user, "redrive")}
        return super().changelist_view(request, context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Exact, each on an index; `icontains` would read the whole table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(reference=term) | Q(reference=term.lower()) | Q(error_type=term)
        return queryset.filter(
            found | Q(request_id=term) | Q(correlation_id=term)
        ), False

    def get_urls(self) -> list[URLPattern]:
        here = "<int:letter_id>/"
        pages = (
            (f"{here}change/", "change", views.detail),
            (f"{here}edit/", "edit", views.edit),
            (f"{here}redrive/", "redrive", views.redrive),
            (f"{here}body/<int:number>/", "body", views.body),
        )
        return [
            *(
                path(
                    route,
                    self.admin_site.admin_view(view),
                    name=f"dlq_review_deadletter_{name}",
                )
                for route, name, view in pages
            ),
            *(
                path(
                    f"{here}{verb}/",
                    self.admin_site.admin_view(views.settle),
                    {"verb": verb},
                    name=f"dlq_review_deadletter_{verb}",
                )
                for verb in ("discard", "restore", "resolve")
            ),
            *super().get_urls(),
        ]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "verb", "letter", "before", "after", "reason")
    list_select_related = ("letter",)
    list_filter = ("verb",)
    search_fields = ("actor__exact", "letter__request_id__exact")
