"""Further context for the page of an operation that is not started: what it would do."""

from typing import Any

from dlq_review.models import Operation
from dlq_review.operations import edit_undo
from dlq_review.operations.edit_preview import preview
from dlq_review.operations.outlook import outlook

_DONE = {
    Operation.Kind.REDRIVE: "sent",
    Operation.Kind.DISCARD: "discarded",
    Operation.Kind.RESTORE: "restored",
    Operation.Kind.EDIT: "changed",
    Operation.Kind.UNDO: "changed",
    Operation.Kind.REPAIR: "changed or sent",
}


def draft_context(operation: Operation) -> dict[str, Any]:
    """`done` completes "Nothing would be ...". `idle` is set where that is certain, so that
    no button offers to start it.
    """
    context: dict[str, Any] = {"done": _DONE[Operation.Kind(operation.kind)]}
    if operation.kind == Operation.Kind.UNDO:
        undo = edit_undo.outlook(operation)
        return context | {"undo": undo, "idle": not undo.undone}
    if operation.kind in Operation.EDITS:
        edit = preview(operation)
        return context | {"preview": edit, "idle": edit.whole and not edit.changed}
    found = outlook(operation)
    return context | {"outlook": found, "idle": found.whole and not found.acts_on}
