"""The page of one failure group, and its actions."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from django.contrib import messages
from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from dlq_review.desk import facet_views
from dlq_review.desk.charts import sparkline
from dlq_review.desk.group_list import kept, list_query
from dlq_review.desk.group_verdict import verdict
from dlq_review.desk.rehearsal_folds import folded
from dlq_review.desk.responses import needs, page
from dlq_review.errors import ReviewError
from dlq_review.groups import fingerprint, merge
from dlq_review.groups import triage as verbs
from dlq_review.letters.rehearsal import rehearse
from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.monitoring.failure_rates import MOST, paces
from dlq_review.permissions import may, may_schedule
from dlq_review.search import keyset_pages
from dlq_review.search.row_numbers import row_number
from dlq_review.search.selections import Selection

MOST_COUNTED = 10_000  # letters
MOST_CHOICES = 100  # groups to merge into, the latest
SAMPLE = 5  # letters of a group rehearsed at once


def described(groups: list[FailureGroup]) -> list[dict[str, Any]]:
    """The groups, each with its pace, for a page."""
    pace = paces(groups)
    return [
        {
            "group": group,
            "windows": [
                (name, f"{number:,}{'+' if number == MOST else ''}")
                for name, number in pace[group.pk].windows.items()
            ],
            "spark": sparkline(pace[group.pk].bars),
        }
        for group in groups
    ]


@require_GET
@needs("view")
def group_page(request: HttpRequest, group_id: int) -> HttpResponse:
    return _page(request, get_object_or_404(FailureGroup, pk=group_id))


@require_POST
@needs("rehearse")
def rehearse_some(request: HttpRequest, group_id: int) -> HttpResponse:
    """Rehearse the latest waiting letters, to see whether the failure is over."""
    group = get_object_or_404(FailureGroup, pk=group_id)
    sample = keyset_pages.older(group.letters.all(), DeadLetter.EDITABLE, SAMPLE)
    return _page(request, group, folds=folded(map(rehearse, sample)))


def _page(
    request: HttpRequest, group: FailureGroup, status: int = HTTPStatus.OK, **more: Any
) -> HttpResponse:
    seen = verbs.newest_entry(group)  # first, so that the page shows no less
    group.refresh_from_db()
    context = {
        **more,
        "list_query": (query := list_query(request)),
        "kept": kept(query.removeprefix("?")),
        "title": str(group),
        "seen": seen,
        "about": described([group])[0],
        "verdict": verdict(group),
        "by_text": fingerprint.by_text(group.error_type, group.place),
        "letters": keyset_pages.older(group.letters.all(), DeadLetter.WAITING, 10),
        "discarded": _discarded(group),
        **facet_views.of_group(request, group),
        "members": group.members.annotate(seen=Max("audit__pk")).order_by("pk"),
        "others": _mergeable(group)[:MOST_CHOICES],
        "trail": group.audit.all()[:20],
        "may_edit": may(request.user, "edit"),
        "may_operate": may(request.user, "bulk_redrive"),
        "may_schedule": may_schedule(request.user),
        "may_rehearse": may(request.user, "rehearse"),
        "may_discard": may(request.user, "discard"),
    }
    return page(request, "dlq_review/group.html", context, status)


def _discarded(group: FailureGroup) -> str:
    """The number of letters that the button can restore."""
    discarded = Selection(group=group.pk, discarded=True).candidates()
    count = discarded.order_by()[:MOST_COUNTED].count()
    return f"{count:,}{'+' if count == MOST_COUNTED else ''}" if count else ""


def _mergeable(group: FailureGroup) -> QuerySet[FailureGroup]:
    """The groups that *group* may be merged into: those of its queue that are not merged."""
    others = FailureGroup.objects.filter(queue=group.queue, merged_into=None)
    return others.exclude(pk=group.pk).order_by("-last_seen", "-pk")


@require_POST
@needs("edit")
def triage(request: HttpRequest, group_id: int, verb: str) -> HttpResponse:
    """Apply *verb*, one of VERBS, to the group."""
    if verb not in VERBS:
        raise Http404
    group = get_object_or_404(FailureGroup, pk=group_id)
    try:
        if done := VERBS[verb](_Step.of(request, group)):
            messages.success(request, done)
    except ReviewError as error:
        messages.error(request, str(error))
        if verb == "annotate":  # the page keeps the text that was typed
            conflict, typed = HTTPStatus.CONFLICT, _note(request)
            return _page(request, group, status=conflict, typed=typed)
    group.refresh_from_db()
    page_of = reverse(
        "admin:dlq_review_failuregroup_change",
        args=[group.merged_into_id or group.pk],
    )
    return redirect(f"{page_of}{kept(list_query(request).removeprefix('?'))}")


@dataclass(frozen=True, slots=True)
class _Step:
    """One POST of a verb, with the fields of its form."""

    group: FailureGroup
    by: str
    seen: int
    """The newest entry of the audit trail when the page was made."""
    reason: str
    note: str
    into: str

    @classmethod
    def of(cls, request: HttpRequest, group: FailureGroup) -> Self:
        return cls(
            group,
            by=request.user.get_username(),
            seen=_seen(request, group),
            reason=request.POST.get("reason", "").strip()[:500],
            note=_note(request),
            into=request.POST.get("into", ""),
        )


def _seen(request: HttpRequest, group: FailureGroup) -> int:
    """The audit entry that the page names; without one, the person's own last entry."""
    seen = request.POST.get("seen", "")
    by = request.user.get_username()
    return row_number(seen) if seen else verbs.newest_entry(group, by)


def _note(request: HttpRequest) -> str:
    return request.POST.get("note", "").replace("\r\n", "\n")[:5_000]


def _acknowledge(step: _Step) -> str:
    verbs.acknowledge(step.group, by=step.by, seen=step.seen)
    return ""


def _resolve(step: _Step) -> str:
    verbs.resolve_group(step.group, by=step.by, seen=step.seen)
    return ""


def _annotate(step: _Step) -> str:
    verbs.annotate(step.group, step.note, by=step.by, seen=step.seen)
    return ""


def _merge(step: _Step) -> str:
    into = get_object_or_404(FailureGroup, pk=row_number(step.into))
    merge.merge(step.group, into, by=step.by, reason=step.reason, seen=step.seen)
    return "Merged. New failures of the merged group are added here."


def _split(step: _Step) -> str:
    merge.split(step.group, by=step.by, reason=step.reason, seen=step.seen)
    return "Split off. The group has its own letters again."


#: The verbs of the group page by the last part of their URL. Each returns the message of
#: the next page; empty if the page shows the result anyway.
VERBS: dict[str, Callable[[_Step], str]] = {
    "acknowledge": _acknowledge,
    "resolve": _resolve,
    "annotate": _annotate,
    "merge": _merge,
    "split": _split,
}
