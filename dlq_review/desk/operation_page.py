"""The context of the page of one operation."""

from typing import Any

from django.db.models import Count, Min
from django.http import HttpRequest

from dlq_review.desk import searched
from dlq_review.desk.operation_draft import draft_context
from dlq_review.models import Operation, OperationItem
from dlq_review.operations import edit_undo, progress
from dlq_review.permissions import denial, may, may_operate, needed_for
from dlq_review.search.selections import Selection
from dlq_review.search.veil import veiled_condition

_Item = OperationItem.State
#: By the kind that is offered next: the kinds that it follows, and the result that it takes.
_NEXT: dict[Operation.Kind, dict[Operation.Kind, OperationItem.State]] = {
    Operation.Kind.REDRIVE: {
        Operation.Kind.EDIT: _Item.EDITED,
        Operation.Kind.REPAIR: _Item.EDITED,
        Operation.Kind.RESTORE: _Item.RESTORED,
    },
    Operation.Kind.EDIT: {
        Operation.Kind.REDRIVE: _Item.FAILED_AGAIN,
        Operation.Kind.REPAIR: _Item.FAILED_AGAIN,
        Operation.Kind.UNDO: _Item.UNDONE,
    },
}
LISTED = 10  # items of each result
MOST_REASONS = 20
_RESULTS_OF_A_REDRIVE = (
    *(_Item.WAITING, _Item.SENT, _Item.PROCESSED, _Item.FAILED_AGAIN),
)
_AWAITED = "sent, awaiting their outcome"


def operation_context(request: HttpRequest, operation: Operation) -> dict[str, Any]:
    counts = progress.tally(operation)
    context = {
        "title": str(operation),
        "operation": operation,
        "counts": counts,
        "bars": _bars(operation, counts),
        "figures": _figures(operation, counts),
        "newer": progress.newer(operation),
        "rate": progress.rate_in_words(operation),
        "trail": operation.audit.all()[:30],
        "denied": denial(request.user, needed_for(operation.kind)),
        "braked": operation.braked,
        "conditions": [
            veiled_condition(one) for one in operation.selection.get("fields", ())
        ],
        "searched": searched.shown(request, operation),
        "refresh": operation.state == Operation.State.RUNNING,
        **_items(operation),
        **_ways_back(request, operation, counts),
        "redrives_next": _left_to(Operation.Kind.REDRIVE, request, operation, counts),
        "edits_next": _left_to(Operation.Kind.EDIT, request, operation, counts),
        "sends": operation.kind in Operation.REDRIVES,
    }
    if operation.state == Operation.State.DRAFT:
        context |= draft_context(operation)
    else:
        context |= {
            "results": _results(operation, counts),
            "reasons": _reasons(operation),
            "may_edit_one": may(request.user, "edit"),
        }
    return context


def _results(
    operation: Operation, counts: progress.Tally
) -> list[tuple[str, int, str, list[OperationItem]]]:
    """(state, items, words) of each result so far, with its first items."""
    items = operation.items.select_related("letter").order_by("pk")
    return [
        (state, number, words, list(items.filter(state=state)[:LISTED]))
        for state, number, words in _figures(operation, counts)
        if number and state not in (*OperationItem.TO_DO, _Item.SKIPPED)
    ]


def _reasons(operation: Operation) -> list[Any]:
    """Why letters were left out, with their number and one of them; the commonest first."""
    told = operation.items.filter(state__in=(_Item.SKIPPED, _Item.EDITED))
    reasons = told.exclude(why="").order_by().values("why")
    counted = reasons.annotate(count=Count("pk"), one=Min("letter_id"))
    return list(counted.order_by("-count", "why")[:MOST_REASONS])


def _items(operation: Operation) -> dict[str, Any]:
    """The first items of the list, and the last that failed again or were skipped."""
    items = operation.items.select_related("letter")
    troubled = (OperationItem.State.FAILED_AGAIN, OperationItem.State.SKIPPED)
    return {
        "troubled": [
            item
            for state in troubled
            for item in items.filter(state=state).order_by("-pk")[:25]
        ],
        "first": items.order_by("letter_id")[:10],
    }


def _ways_back(
    request: HttpRequest, operation: Operation, counts: progress.Tally
) -> dict[str, int | bool]:
    """What this person may undo of the ended *operation*."""

    over = operation.state in Operation.ENDED
    edits = over and operation.kind in Operation.EDITS
    discards = over and operation.kind == Operation.Kind.DISCARD
    may_undo = edits and may_operate(request.user, Operation.Kind.UNDO)
    may_restore = discards and may_operate(request.user, Operation.Kind.RESTORE)
    return {
        "undoable": edit_undo.waiting_still(operation).count() if may_undo else 0,
        "may_restore": may_restore and counts.discarded > 0,
    }


def _left_to(
    kind: Operation.Kind,
    request: HttpRequest,
    operation: Operation,
    counts: progress.Tally,
) -> int:
    """How many letters this person may take from the ended *operation* into one of *kind*."""
    state = _NEXT[kind].get(Operation.Kind(operation.kind))
    if state is None or operation.state not in Operation.ENDED:
        return 0
    if not counts.by_state[state] or not may_operate(request.user, kind):
        return 0
    return Selection(after=operation.pk).candidates().count()


def _figures(
    operation: Operation, counts: progress.Tally
) -> list[tuple[str, int, str]]:
    """(state, items, words) of each result that can be; each names a list of letters."""
    done = progress.DONE.get(Operation.Kind(operation.kind))
    states = [_Item.WAITING, done] if done else [*_RESULTS_OF_A_REDRIVE]
    if operation.kind == Operation.Kind.REPAIR:
        states.insert(1, _Item.READY)
        states += [_Item.EDITED] if counts.edited else []
    states += [_Item.DONE_ALREADY] if counts.done_already else []
    words = {_Item.WAITING: "to do"} if done else {_Item.SENT: _AWAITED}
    if operation.kind == Operation.Kind.REPAIR:
        words |= {_Item.WAITING: "to do", _Item.EDITED: "edited, and not sent"}
    return [
        (state, counts.by_state[state], words.get(state, state.label))
        for state in (*states, _Item.SKIPPED)
    ]


def _bars(
    operation: Operation, counts: progress.Tally
) -> list[tuple[str, float, float]]:
    """(state, x, width) in percent, for one stacked bar."""
    state = OperationItem.State
    order = (
        *(state.PROCESSED, state.DONE_ALREADY),
        *progress.DONE.values(),
        *(state.FAILED_AGAIN, state.SKIPPED, state.SENT),
    )
    bars: list[tuple[str, float, float]] = []
    x = 0.0
    for name in order:
        width = 100 * counts.by_state[name] / max(operation.total, 1)
        if width:
            bars.append((name, round(x, 2), round(width, 2)))
        x += width
    return bars
