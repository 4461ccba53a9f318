"""Operations: choose and freeze, look at what was frozen, start, steer, watch."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from dlq_review import freezing, steering, tallying
from dlq_review.actions import denial, may
from dlq_review.forms import OperationForm
from dlq_review.models import FailureGroup, Operation, OperationItem
from dlq_review.previewing import preview
from dlq_review.transitions import ReviewError
from processing.models import Outcome

_STEERING = {
    "start": steering.start,
    "pause": steering.pause,
    "resume": steering.resume,
    "cancel": steering.cancel,
}
_ALSO_NEEDED = {"discard": "discard", "fix": "edit"}
_CHOICES = ("ids", "group", "queue", "type", "error", "since", "kind")


def _check(request: HttpRequest, kind: str) -> None:
    if not all(may(request.user, name) for name in _needed(kind)):
        raise PermissionDenied


def _needed(kind: str) -> list[str]:
    return ["bulk_redrive", _ALSO_NEEDED.get(kind, "view")]


def new(request: HttpRequest) -> HttpResponse:
    """The form; a POST freezes the list and leads to it, and sends nothing."""
    _check(request, request.POST.get("kind", ""))
    if request.POST.getlist("chosen") == [""]:
        messages.error(request, "Tick at least one dead letter.")
        return redirect("admin:dlq_review_deadletter_changelist")
    if request.method == "POST" and "chosen" not in request.POST:
        form = OperationForm(request.POST)
        if form.is_valid():
            try:
                operation = freezing.freeze(
                    form.selection(),
                    form.plan(),
                    by=request.user.get_username(),
                    reason=form.cleaned_data["reason"],
                )
                return redirect("admin:dlq_review_operation_change", operation.pk)
            except ReviewError as error:
                messages.error(request, str(error))
    else:
        form = OperationForm(initial=_initial(request))
    number = str(form["group"].value() or "")
    group = FailureGroup.objects.filter(pk=int(number) if number.isdecimal() else 0)
    context = {
        "title": "New operation",
        "form": form,
        "group": group.first(),
        "ids": str(form["ids"].value() or "").split(),
    }
    return _page(request, "dlq_review/operation_new.html", context)


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What the list or the group page chose already."""
    initial: dict[str, Any] = {
        name: request.GET[name] for name in _CHOICES if name in request.GET
    }
    ids = filter(None, request.POST.getlist("chosen"))
    initial["ids"] = " ".join(ids) or initial.get("ids", "")
    return initial


@require_GET
def page(request: HttpRequest, operation_id: int) -> HttpResponse:
    if not may(request.user, "view"):
        raise PermissionDenied
    operation = get_object_or_404(Operation, pk=operation_id)
    items = operation.items.select_related("letter")
    troubled = (OperationItem.State.FAILED_AGAIN, OperationItem.State.SKIPPED)
    counts = tallying.tally(operation)
    context = {
        "title": str(operation),
        "operation": operation,
        "counts": counts,
        "bars": _bars(operation, counts),
        "newer": tallying.newer(operation),
        "troubled": items.filter(state__in=troubled).order_by("-pk")[:50],
        "first": items.order_by("pk")[:10],
        "trail": operation.audit.all()[:30],
        "denied": denial(request.user, _needed(operation.kind)),
        "refresh": operation.state == Operation.State.RUNNING,
    }
    if operation.state == Operation.State.DRAFT:
        fix = operation.kind == Operation.Kind.FIX
        context |= {"preview": preview(operation)} if fix else _exclusions(operation)
    return _page(request, "dlq_review/operation.html", context)


def _exclusions(operation: Operation) -> dict[str, int]:
    """What the list holds that will not be sent, as far as can be told beforehand."""
    done = Outcome.objects.filter(
        request_id=OuterRef("letter__request_id"), kind=Outcome.Kind.PROCESSED
    )
    return {
        "invalid": operation.items.filter(letter__body_fingerprint="").count(),
        "done_already": operation.items.filter(Exists(done)).count(),
    }


def _bars(
    operation: Operation, counts: tallying.Tally
) -> list[tuple[str, float, float]]:
    """(state, x, width) in percent, for one stacked bar."""
    order = ("processed", "discarded", "fixed", "failed_again", "skipped", "sent")
    bars, x = [], 0.0
    for name in order:
        width = 100 * counts.by_state[name] / max(operation.total, 1)
        if width:
            bars.append((name, round(x, 2), round(width, 2)))
        x += width
    return bars


@require_POST
def steer(request: HttpRequest, operation_id: int, verb: str) -> HttpResponse:
    operation = get_object_or_404(Operation, pk=operation_id)
    _check(request, operation.kind)
    try:
        _STEERING[verb](operation, by=request.user.get_username())
    except ReviewError as error:
        messages.error(request, str(error))
    return redirect("admin:dlq_review_operation_change", operation_id)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), **context})
