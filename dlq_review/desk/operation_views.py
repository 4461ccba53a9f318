"""The pages of operations: choose, freeze, inspect the list, start, steer and watch."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from dlq_review.desk import edit_many_views
from dlq_review.desk.forms import OperationForm
from dlq_review.desk.freezing import freeze, may_freeze
from dlq_review.desk.operation_page import operation_context
from dlq_review.desk.responses import check_may_operate, needs, page
from dlq_review.desk.searched import searched
from dlq_review.errors import ReviewError
from dlq_review.models import FailureGroup, Operation
from dlq_review.operations import control, edit_undo
from dlq_review.permissions import may_operate
from dlq_review.search.row_numbers import row_number

#: The verbs that steer an operation, by the last part of the URL.
STEERING = {
    "start": control.start,
    "pause": control.pause,
    "resume": control.resume,
    "cancel": control.cancel,
}
#: What the form takes from the address of a list or a link.
CHOICES = (
    *("ids", "group", "queue", "type", "error", "since", "kind"),
    *("discarded_by", "after", "field", "q"),
)


def new(request: HttpRequest) -> HttpResponse:
    """Show the form. A POST freezes the list and redirects to it; nothing is sent."""
    check_may_operate(request, request.POST.get("kind", request.GET.get("kind", "")))
    if request.POST.getlist("chosen") == [""]:
        messages.error(request, "Tick at least one dead letter.")
        return redirect("admin:dlq_review_deadletter_changelist")
    as_form = _edit_form(request)
    wanted = request.GET.get("kind") == Operation.Kind.EDIT
    if as_form and wanted and request.GET.get("as") != "json":
        return redirect(as_form)
    if request.method == "POST" and "chosen" not in request.POST:
        form = OperationForm(request.POST)
        if form.is_valid() and may_freeze(request, form):
            try:
                operation = freeze(request, form)
                return redirect("admin:dlq_review_operation_change", operation.pk)
            except ReviewError as error:
                messages.error(request, str(error))
    else:
        form = OperationForm(initial=_initial(request))
    asked = {name: form[name].value() for name in CHOICES if name in form.fields}
    context = {
        "title": "New operation",
        "form": form,
        "group": _named(FailureGroup, form["group"].value()),
        "discarded_by": _named(Operation, form["discarded_by"].value()),
        "after": _named(Operation, form["after"].value()),
        "ids": str(form["ids"].value() or "").split(),
        "searched": searched(request, asked),
        "as_form": as_form,
    }
    denied = form.has_error(NON_FIELD_ERRORS, code="denied")
    status = HTTPStatus.FORBIDDEN if denied else HTTPStatus.OK
    return page(request, "dlq_review/operation_new.html", context, status)


def _edit_form(request: HttpRequest) -> str:
    """The address of the form for an edit of these letters; empty if it cannot serve, or
    something else is wanted.
    """
    asks = request.method == "GET" or "chosen" in request.POST
    edits = request.GET.get("kind", "") in ("", *Operation.EDITS)
    if not asks or not edits or not may_operate(request.user, Operation.Kind.EDIT):
        return ""
    return edit_many_views.address(request, _initial(request))


def _named(model: type[Model], number: object) -> Model | None:
    text = str(number or "")
    return model._default_manager.filter(pk=row_number(text)).first()


def _initial(request: HttpRequest) -> dict[str, Any]:
    """The initial selection from the list or the group page."""
    initial: dict[str, Any] = {
        name: request.GET[name] for name in CHOICES if name in request.GET
    }
    ids = filter(None, request.POST.getlist("chosen"))
    initial["ids"] = " ".join(ids) or initial.get("ids", "")
    return initial


@require_GET
@needs("view")
def operation_page(request: HttpRequest, operation_id: int) -> HttpResponse:
    operation = get_object_or_404(Operation, pk=operation_id)
    context = operation_context(request, operation)
    return page(request, "dlq_review/operation.html", context)


@require_POST
def steer(request: HttpRequest, operation_id: int, verb: str) -> HttpResponse:
    """Apply *verb*, one of STEERING."""
    operation = get_object_or_404(Operation, pk=operation_id)
    check_may_operate(request, operation.kind)
    try:
        STEERING[verb](operation, by=request.user.get_username())
    except ReviewError as error:
        messages.error(request, str(error))
    return redirect("admin:dlq_review_operation_change", operation_id)


@require_POST
def undo(request: HttpRequest, operation_id: int) -> HttpResponse:
    """Freeze the letters that an edit has changed, and redirect to the list.

    No letter changes yet.
    """
    check_may_operate(request, "undo")
    edit = get_object_or_404(Operation, pk=operation_id)
    reason = request.POST.get("reason", "")[:500]
    try:
        by = request.user.get_username()
        operation = edit_undo.freeze_undo(edit, by=by, reason=reason)
    except ReviewError as error:
        messages.error(request, str(error))
        return redirect("admin:dlq_review_operation_change", operation_id)
    return redirect("admin:dlq_review_operation_change", operation.pk)
