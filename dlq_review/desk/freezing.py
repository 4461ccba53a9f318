"""Freeze the list that a form has chosen, if this person may ask for it."""

from dataclasses import replace

from django.http import HttpRequest

from dlq_review.bodies import patch_cases
from dlq_review.desk.forms import OperationForm
from dlq_review.desk.personal_questions import may_ask
from dlq_review.models import Operation
from dlq_review.operations import plans
from dlq_review.permissions import may
from dlq_review.search.veil import Hidden, needs_reveal

MOST_READ = 20_000  # bodies, which take two seconds


def may_freeze(request: HttpRequest, form: OperationForm) -> bool:
    """Whether this user may use the conditions of *form*; if not, the form says why."""
    selection = form.selection()
    hidden = needs_reveal(selection, patch_cases.steps(form.plan().patch or ()))
    if selection.search and may(request.user, "reveal"):  # others search no bodies
        hidden.append(Hidden("q", "a search of bodies"))
    return may_ask(request, form, hidden, "An operation")


def freeze(request: HttpRequest, form: OperationForm) -> Operation:
    masked = not may(request.user, "reveal")
    selection = replace(form.selection(), masked=masked)
    selection.check_readable(MOST_READ)
    return plans.freeze(
        selection,
        form.plan(),
        by=request.user.get_username(),
        reason=form.cleaned_data["reason"],
    )
