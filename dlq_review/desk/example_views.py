"""Fix by example: make the change of one edited letter in the others of its group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dlq_review.bodies import exact_json, patch_cases
from dlq_review.bodies.json_patch import PatchError
from dlq_review.desk.responses import check_may, check_may_operate
from dlq_review.errors import ChangedMeanwhileError, ReviewError
from dlq_review.letters import current_event
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.permissions import may, may_operate
from dlq_review.search import keyset_pages
from dlq_review.search.row_numbers import row_number
from dlq_review.search.selections import Selection
from dlq_review.search.veil import needs_reveal
from processing.events import strict_json
from processing.events.masking import MASK, mask_reference
from processing.events.shapes import may_be_read

SAMPLE = 200  # letters of the group that are looked at, the newest
CANARY = 5


@dataclass(frozen=True, slots=True)
class Change:
    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Example:
    changes: list[Change]
    like: int
    """Letters of the sample that have the same old values."""
    sample: int
    is_all: bool
    """The sample is the whole group."""


def offer(request: HttpRequest, letter: DeadLetter) -> Example | None:
    """The offer for the page of *letter*, if this person may make the same change in others."""
    if not letter.revision or not may_operate(request.user, Operation.Kind.REPAIR):
        return None
    steps = _steps(letter)
    masked = not may(request.user, "reveal")
    if not steps or (masked and needs_reveal(Selection(), steps)):
        return None
    group = DeadLetter.objects.filter(group=letter.group_id).exclude(pk=letter.pk)
    newest = keyset_pages.older(group, DeadLetter.EDITABLE, SAMPLE + 1)
    bodies = current_event.some_bodies(newest[:SAMPLE])
    like = sum(_fits(steps, body, masked) for body in bodies.values())
    if not like:
        return None
    return Example(_changes(steps), like, len(bodies), len(bodies) == len(newest))


def _steps(letter: DeadLetter) -> list[dict[str, Any]]:
    """The change from the body that arrived to the current one; none if staff made none."""
    current = current_event.current(letter)
    arrived = letter.revisions.filter(by="", number__lt=current.number).first()
    if not current.by or arrived is None:
        return []
    try:
        return patch_cases.by_example(arrived.body, current.body)
    except PatchError:
        return []


def _fits(steps: Sequence[dict[str, Any]], body: str, masked: bool) -> bool:
    """Whether the operation would change *body*, as it asks: masked, a hidden value is no match."""
    try:
        return patch_cases.apply(steps, body, masked=masked) != body
    except PatchError:
        return False


def _changes(steps: Sequence[dict[str, Any]]) -> list[Change]:
    before = {one["path"]: one["json"] for one in steps if one["op"] == "test"}
    return [
        Change(
            one["path"],
            _shown(one["path"], before.get(one["path"])),
            _shown(one["path"], one.get("json")),
        )
        for one in steps
        if one["op"] not in ("test", "absent")
    ]


def _shown(path: str, text: str | None) -> str:
    """The value *text*, in JSON, as everybody may see it; empty if there is none."""
    if text is None:
        return ""
    node = exact_json.loads(text)
    if not isinstance(node, exact_json.Leaf) or not may_be_read(path.split("/")[1:]):
        return MASK
    value = node.value if node.startswith('"') else str(node)
    if mask_reference(value) != value:
        return MASK
    return str(node) if _needs_quotes(value) else value


def _needs_quotes(text: str) -> bool:
    """Whether *text* without quotes would read as nothing, or as a value that is no text."""
    try:
        exact_json.loads(text)
    except strict_json.UnreadableJSONError:
        return not text
    return True


@require_POST
def make(request: HttpRequest, letter_id: int) -> HttpResponse:
    """Freeze the others of the group for the same change, and redirect to the list.

    No letter changes yet.
    """
    check_may_operate(request, Operation.Kind.REPAIR)
    letter = get_object_or_404(DeadLetter, pk=letter_id)
    try:
        operation = _freeze(request, letter)
    except ReviewError as error:
        messages.error(request, str(error))
        return redirect("admin:dlq_review_deadletter_change", letter.pk)
    return redirect("admin:dlq_review_operation_change", operation.pk)


def _freeze(request: HttpRequest, letter: DeadLetter) -> Operation:
    if row_number(request.POST.get("revision", "")) != letter.revision:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    steps = _steps(letter)
    if not steps:
        raise plans.NothingChosenError(plans.NothingChosenError.__doc__)
    by = request.user.get_username()
    if hidden := needs_reveal(Selection(), steps):
        check_may(request, "reveal")
        names = ", ".join(one.name for one in hidden)
        note_reveal(by, f"An operation that asks about {names}")
    repair = "redrive" in request.POST
    kind = Operation.Kind.REPAIR if repair else Operation.Kind.EDIT
    return plans.freeze(
        Selection(
            group=letter.group_id,
            but=letter.pk,
            masked=not may(request.user, "reveal"),
        ),
        Plan(kind=kind, patch=steps, canary=CANARY if repair else 0),
        by=by,
        reason=request.POST.get("reason", "").strip()[:500]
        or f"The same change as in {letter}.",
    )
