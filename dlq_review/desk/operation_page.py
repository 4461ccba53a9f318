"""The context of the page of one operation."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import edit_undo, progress
from dlq_review.operations.edit_preview import preview
from dlq_review.permissions import denial, may_operate, needed_for
from dlq_review.redrive import targets
from dlq_review.search.selections import Selection
from dlq_review.search.veil import veiled_condition
from processing.models import Outcome

_Item = OperationItem.State
_READY = {Operation.Kind.EDIT: _Item.EDITED, Operation.Kind.RESTORE: _Item.RESTORED}
_RESULTS_OF_A_REDRIVE = (
    *(_Item.WAITING, _Item.SENT, _Item.PROCESSED, _Item.FAILED_AGAIN),
)
_AWAITED = "sent, awaiting their outcome"
_LOOKED_AT = 10_000  # letters of a list that nobody has started yet


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
        "refresh": operation.state == Operation.State.RUNNING,
        **_items(operation),
        **_ways_back(request, operation, counts),
        "redrives_next": _redrives_next(request, operation, counts),
    }
    if operation.state == Operation.State.DRAFT:
        draft = _DRAFTS.get(operation.kind)
        context |= draft(operation) if draft else {}
    return context


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
) -> dict[str, bool]:
    """Whether this person may undo what the ended *operation* did."""

    def may_after(kind: Operation.Kind, done: int, way_back: Operation.Kind) -> bool:
        over = operation.kind == kind and operation.state in Operation.ENDED
        return over and done > 0 and may_operate(request.user, way_back)

    kinds = Operation.Kind
    return {
        "may_undo": may_after(kinds.EDIT, counts.edited, kinds.UNDO),
        "may_restore": may_after(kinds.DISCARD, counts.discarded, kinds.RESTORE),
    }


def _redrives_next(
    request: HttpRequest, operation: Operation, counts: progress.Tally
) -> int:
    """How many letters of the ended edit or restoring this person may redrive now."""
    state = _READY.get(Operation.Kind(operation.kind))
    if state is None or operation.state not in Operation.ENDED:
        return 0
    if not counts.by_state[state] or not may_operate(request.user, "redrive"):
        return 0
    return Selection(after=operation.pk).candidates().count()


def _exclusions(operation: Operation) -> dict[str, int]:
    """How many letters of the list will not be sent, as far as is known beforehand."""
    first = operation.items.order_by("letter_id").values("letter_id")[:_LOOKED_AT]
    letters = DeadLetter.objects.filter(pk__in=first)
    done = Outcome.processed(OuterRef("request_id"))
    limit = 0 if operation.override_limit else settings.REDRIVE_LIMIT
    valid = letters.exclude(body_fingerprint="")
    elsewhere = valid.exclude(type__in=targets.types_allowed(operation.to))
    return {
        "looked_at": min(operation.total, _LOOKED_AT),
        "limit": limit,
        "not_allowed": elsewhere.count() if operation.to else 0,
        "limit_reached": letters.filter(redrives__gte=limit).count() if limit else 0,
        "invalid": letters.filter(body_fingerprint="").count(),
        "done_already": letters.filter(Exists(done)).count(),
    }


#: Further context for the page of an operation that is not started, by kind.
_DRAFTS: dict[str, Callable[[Operation], dict[str, Any]]] = {
    Operation.Kind.REDRIVE: _exclusions,
    Operation.Kind.EDIT: lambda operation: {"preview": preview(operation)},
    Operation.Kind.UNDO: lambda operation: {"outlook": edit_undo.outlook(operation)},
}


def _figures(
    operation: Operation, counts: progress.Tally
) -> list[tuple[str, int, str]]:
    """(state, items, words) of each result that can be; each names a list of letters."""
    done = progress.DONE.get(Operation.Kind(operation.kind))
    states = [_Item.WAITING, done] if done else [*_RESULTS_OF_A_REDRIVE]
    states += [_Item.DONE_ALREADY] if counts.done_already else []
    words = {_Item.WAITING: "to do"} if done else {_Item.SENT: _AWAITED}
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
