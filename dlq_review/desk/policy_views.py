"""The pages of redrive policies: make one, look at what it would take, start and steer it."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from dlq_review.desk.personal_questions import may_ask
from dlq_review.desk.policy_form import PolicyForm
from dlq_review.desk.responses import check_may, needs, page
from dlq_review.errors import ReviewError
from dlq_review.models import FailureGroup, RedrivePolicy
from dlq_review.operations import progress
from dlq_review.permissions import SCHEDULING, denial, may
from dlq_review.schedule import steering
from dlq_review.schedule.outlook import outlook
from dlq_review.search.row_numbers import row_number
from dlq_review.search.veil import needs_reveal, veiled_condition

#: The verbs that steer a policy, by the last part of the URL.
STEERING = {
    "start": steering.start,
    "pause": steering.pause,
    "resume": steering.resume,
    "end": steering.end,
}
SHOWN = 20  # runs
_CHOICES = ("group", "queue", "type", "error", "field")


def new(request: HttpRequest) -> HttpResponse:
    """Show the form. A POST makes the policy and redirects to it; it is not started."""
    _check_may_schedule(request)
    if request.method == "POST":
        form = PolicyForm(request.POST)
        if form.is_valid() and _may_ask(request, form):
            policy = form.policy(
                owner=request.user.get_username(),
                masked=not may(request.user, "reveal"),
            )
            policy.save()
            return redirect("admin:dlq_review_redrivepolicy_change", policy.pk)
    else:
        chosen = {name: request.GET[name] for name in _CHOICES if name in request.GET}
        form = PolicyForm(initial=chosen)
    number = row_number(str(form["group"].value() or ""))
    context = {
        "title": "New redrive policy",
        "form": form,
        "group": FailureGroup.objects.filter(pk=number).first(),
    }
    denied = form.has_error(NON_FIELD_ERRORS, code="denied")
    status = HTTPStatus.FORBIDDEN if denied else HTTPStatus.OK
    return page(request, "dlq_review/policy_new.html", context, status)


def _may_ask(request: HttpRequest, form: PolicyForm) -> bool:
    return may_ask(request, form, needs_reveal(form.selection()), "A redrive policy")


def _check_may_schedule(request: HttpRequest) -> None:
    for name in SCHEDULING:
        check_may(request, name)


@require_GET
@needs("view")
def policy_page(request: HttpRequest, policy_id: int) -> HttpResponse:
    policy = get_object_or_404(RedrivePolicy, pk=policy_id)
    return page(request, "dlq_review/policy.html", _context(request, policy))


def _context(request: HttpRequest, policy: RedrivePolicy) -> dict[str, Any]:
    runs = list(policy.runs.order_by("-pk")[:SHOWN])
    counts = progress.tallies(run.pk for run in runs)
    chosen = policy.selection
    ended = policy.state == RedrivePolicy.State.ENDED
    return {
        "title": str(policy),
        "policy": policy,
        "group": FailureGroup.objects.filter(pk=chosen.get("group", 0)).first(),
        "chosen": [
            (name, chosen[name])
            for name in ("queue", "type", "error")
            if name in chosen
        ],
        "conditions": [veiled_condition(one) for one in chosen.get("fields", ())],
        "runs": [(run, counts[run.pk]) for run in runs],
        "awaited": next((run for run in runs if run.state not in run.ENDED), None),
        "outlook": None if ended else outlook(policy),
        "trail": policy.audit.all()[:30],
        "denied": denial(request.user, SCHEDULING),
    }


@require_POST
def steer(request: HttpRequest, policy_id: int, verb: str) -> HttpResponse:
    """Apply *verb*, one of STEERING."""
    _check_may_schedule(request)
    policy = get_object_or_404(RedrivePolicy, pk=policy_id)
    try:
        STEERING[verb](policy, by=request.user.get_username())
    except ReviewError as error:
        messages.error(request, str(error))
    return redirect("admin:dlq_review_redrivepolicy_change", policy_id)
