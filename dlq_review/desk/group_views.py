"""The page of one failure group, and its actions."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from dlq_review.desk import facet_views
from dlq_review.desk.charts import sparkline
from dlq_review.desk.group_list import colleagues, kept, list_query
from dlq_review.desk.group_verbs import VERBS, Step, note_in, reason_in, seen_by
from dlq_review.desk.group_verdict import verdict
from dlq_review.desk.rehearsal_folds import folded
from dlq_review.desk.responses import needs, page
from dlq_review.errors import ReviewError
from dlq_review.groups import fingerprint, handover
from dlq_review.groups import triage as verbs
from dlq_review.letters.rehearsal import rehearse
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup
from dlq_review.monitoring.failure_rates import MOST, paces
from dlq_review.permissions import may, may_schedule
from dlq_review.search import keyset_pages
from dlq_review.search.selections import Selection
from processing.events.masking import mask

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
        "colleagues": colleagues(request),
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
    named = others.exclude(pk=group.pk).only("error_type", "sentence", "template")
    return named.order_by("-last_seen", "-pk")


@require_POST
@needs("edit")
def triage(request: HttpRequest, group_id: int, verb: str) -> HttpResponse:
    """Apply *verb*, one of VERBS, to the group."""
    group = get_object_or_404(FailureGroup, pk=group_id)
    try:
        if done := VERBS[verb](Step.of(request, group)):
            messages.success(request, done)
    except ReviewError as error:
        messages.error(request, str(error))
        if verb in _TYPED:  # the page keeps the text that was typed
            return _page(request, group, HTTPStatus.CONFLICT, **_typed(request, verb))
    group.refresh_from_db()
    return redirect(_url(request, group))


def _url(request: HttpRequest, group: FailureGroup) -> str:
    """The page of *group*, or of the one that stands for it, with its way back."""
    number = group.merged_into_id or group.pk
    page_of = reverse("admin:dlq_review_failuregroup_change", args=[number])
    return f"{page_of}{kept(list_query(request).removeprefix('?'))}"


_OWNERSHIP = (AuditEntry.Verb.GIVEN, AuditEntry.Verb.TAKEN_OVER)
_TYPED = ("annotate", "give", "give_back")


def _typed(request: HttpRequest, verb: str) -> dict[str, Any]:
    if verb == "annotate":
        return {"typed": note_in(request)}
    return {"typed_word": reason_in(request), "typed_to": request.POST.get("to", "")}


@require_http_methods(["GET", "POST"])
@needs("edit")
def take_over(request: HttpRequest, group_id: int) -> HttpResponse:
    """Name the present owner and ask for a word, then make this person the owner."""
    group = get_object_or_404(FailureGroup, pk=group_id)
    status, by = HTTPStatus.OK, request.user.get_username()
    if request.method == "POST":
        note, seen = reason_in(request), seen_by(request, group)
        try:
            told = handover.take_over(group, note, by=by, seen=seen)
            _say_who_is_told(request, mask(group.owner), told=told)
            return redirect(_url(request, group))
        except ReviewError as error:
            messages.error(request, str(error))
            status = HTTPStatus.CONFLICT
    newest = verbs.newest_entry(group)  # first, so that the page shows no less
    group.refresh_from_db()
    if group.owner not in ("", by):
        return _ask_owner(request, group, newest, status)
    # There is nobody to take it from.
    typed = {"typed_word": reason_in(request)}
    return _page(request, group, status, **typed)


def _say_who_is_told(request: HttpRequest, former: str, *, told: bool) -> None:
    if told:
        messages.success(request, f"The word goes to {former} by mail.")
    elif former not in ("", mask(request.user.get_username())):
        gone = f"No mail goes to {former}: they have no account here that gets it."
        messages.warning(request, gone)


def _ask_owner(
    request: HttpRequest, group: FailureGroup, newest: int, status: int
) -> HttpResponse:
    taken = Q(verb__in=_OWNERSHIP) | Q(after=FailureGroup.State.ACKNOWLEDGED)
    query = list_query(request)
    context = {
        "title": f"Take over: {group}",
        "group": group,
        "seen": newest,
        "told": handover.owner_to_tell(group),
        "since": group.audit.filter(taken).first(),
        "typed_word": reason_in(request),
        "kept": kept(query.removeprefix("?")),
        "list_query": query,
    }
    return page(request, "dlq_review/group_take_over.html", context, status)
