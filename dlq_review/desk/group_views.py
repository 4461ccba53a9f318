"""The page of one failure group, and what can be said about it."""

from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from dlq_review.desk.charts import sparkline
from dlq_review.errors import ReviewError
from dlq_review.groups import fingerprint, merge
from dlq_review.groups import triage as triage_verbs
from dlq_review.letters.rehearsal import rehearse
from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.monitoring.failure_rates import MOST, paces
from dlq_review.permissions import may
from dlq_review.search import keyset_pages
from dlq_review.search.row_numbers import row_number
from dlq_review.search.selections import Selection

MOST_COUNTED = 10_000  # letters
MOST_CHOICES = 100  # groups to merge into, the latest
SAMPLE = 5  # letters of a group rehearsed at once


def described(groups: list[FailureGroup]) -> list[dict[str, Any]]:
    """Each group with its pace, for a page."""
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
def group_page(request: HttpRequest, group_id: int) -> HttpResponse:
    if not may(request.user, "view"):
        raise PermissionDenied
    return _page(request, get_object_or_404(FailureGroup, pk=group_id))


@require_POST
def rehearse_some(request: HttpRequest, group_id: int) -> HttpResponse:
    """Rehearse the latest few that wait, to see whether the failure is over."""
    if not may(request.user, "rehearse"):
        raise PermissionDenied
    group = get_object_or_404(FailureGroup, pk=group_id)
    sample = keyset_pages.older(group.letters.all(), DeadLetter.EDITABLE, SAMPLE)
    return _page(request, group, rehearsals=[rehearse(letter) for letter in sample])


def _page(
    request: HttpRequest, group: FailureGroup, status: int = HTTPStatus.OK, **more: Any
) -> HttpResponse:
    seen = triage_verbs.newest_entry(group)  # first, so that the page shows no less
    group.refresh_from_db()
    context = {
        **more,
        **admin.site.each_context(request),
        "title": str(group),
        "seen": seen,
        "about": described([group])[0],
        "by_text": fingerprint.by_text(group.error_type, group.place),
        "letters": keyset_pages.older(group.letters.all(), DeadLetter.WAITING, 10),
        "discarded": _discarded(group),
        "members": group.members.annotate(seen=Max("audit__pk")).order_by("pk"),
        "others": _mergeable(group)[:MOST_CHOICES],
        "trail": group.audit.all()[:20],
        "may_edit": may(request.user, "edit"),
        "may_operate": may(request.user, "bulk_redrive"),
        "may_rehearse": may(request.user, "rehearse"),
        "may_discard": may(request.user, "discard"),
    }
    return render(request, "dlq_review/group.html", context, status=status)


def _discarded(group: FailureGroup) -> str:
    """How many can be restored, for a button."""
    discarded = Selection(group=group.pk, discarded=True).candidates()
    count = discarded.order_by()[:MOST_COUNTED].count()
    return f"{count:,}{'+' if count == MOST_COUNTED else ''}" if count else ""


def _mergeable(group: FailureGroup) -> QuerySet[FailureGroup]:
    """What *group* may be merged into: those of its queue that stand for themselves."""
    others = FailureGroup.objects.filter(queue=group.queue, merged_into=None)
    return others.exclude(pk=group.pk).order_by("-last_seen", "-pk")


@require_POST
def triage(request: HttpRequest, group_id: int, verb: str) -> HttpResponse:
    """Acknowledge, resolve, annotate, merge or split off."""
    if not may(request.user, "edit"):
        raise PermissionDenied
    group = get_object_or_404(FailureGroup, pk=group_id)
    by, seen = request.user.get_username(), _seen(request, group)
    note = request.POST.get("note", "").replace("\r\n", "\n")[:5_000]
    try:
        if verb == "acknowledge":
            triage_verbs.acknowledge(group, by=by, seen=seen)
        elif verb == "resolve":
            triage_verbs.resolve_group(group, by=by, seen=seen)
        elif verb == "merge":
            why = _reason(request)
            merge.merge(group, _chosen(request), by=by, reason=why, seen=seen)
            messages.success(request, "Merged. What fails like it will stand here too.")
        elif verb == "split":
            merge.split(group, by=by, reason=_reason(request), seen=seen)
            messages.success(request, "It stands for itself again.")
        else:
            triage_verbs.annotate(group, note, by=by, seen=seen)
    except ReviewError as error:
        messages.error(request, str(error))
        if verb == "annotate":  # what was typed is not lost
            return _page(request, group, status=HTTPStatus.CONFLICT, typed=note)
    group.refresh_from_db()
    return redirect(
        "admin:dlq_review_failuregroup_change", group.merged_into_id or group.pk
    )


def _seen(request: HttpRequest, group: FailureGroup) -> int:
    """What the page had seen; who posts without a page has seen what they did themselves."""
    seen = request.POST.get("seen", "")
    by = request.user.get_username()
    return row_number(seen) if seen else triage_verbs.newest_entry(group, by)


def _chosen(request: HttpRequest) -> FailureGroup:
    number = row_number(request.POST.get("into", ""))
    return get_object_or_404(FailureGroup, pk=number)


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:500]
