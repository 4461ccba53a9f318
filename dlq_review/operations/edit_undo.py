"""Undo an edit of many, or the edits of a repair: restore the previous body of every letter that nobody has
changed since.

The undo is an operation of its own. Its list is frozen and shown before it starts. A restored
body is a new revision; no revision is ever removed.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from dlq_review import errors
from dlq_review.errors import ReviewError
from dlq_review.letters import revisions
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import plans


class NotUndoableError(ReviewError):
    """Only an edit or a repair that is done or cancelled can be undone. Cancel it first."""


class EditedSinceError(ReviewError):
    """It was edited since, so the edit is not undone. Look at it yourself."""


@transaction.atomic
def freeze_undo(edit: Operation, *, by: str, reason: str) -> Operation:
    """Create an operation over the letters that *edit* has changed, not started.

    Raises NotUndoableError, ReasonMissingError or NothingChosenError.
    """
    if edit.kind not in Operation.EDITS or edit.state not in Operation.ENDED:
        raise NotUndoableError(NotUndoableError.__doc__)
    if not reason.strip():
        raise errors.ReasonMissingError(errors.ReasonMissingError.__doc__)
    operation = Operation.objects.create(
        kind=Operation.Kind.UNDO,
        undoes=edit,
        by=by,
        reason=reason,
        rate=edit.rate,
        cutoff=timezone.now(),
    )
    revision = (
        F("revision") if edit.kind == Operation.Kind.REPAIR else F("revision") + 1
    )
    edited = waiting_still(edit).order_by("pk")
    plans.fill(operation, edited.values_list("letter_id", revision))
    return operation


def waiting_still(edit: Operation) -> QuerySet[OperationItem]:
    """The items of *edit* that it edited and did not send, or that failed again."""
    states = [OperationItem.State.EDITED]
    if edit.kind == Operation.Kind.REPAIR:
        states.append(OperationItem.State.FAILED_AGAIN)
    return edit.items.filter(state__in=states)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The effect that an undo would have if it were started now."""

    undone: int
    edited: int
    """Letters that were edited since, and stay as they are."""
    gone: int
    """Letters that were sent or settled since, and stay as they are."""


def outlook(operation: Operation) -> Outlook:
    untouched = operation.items.filter(letter__revision=F("revision"))
    undone = untouched.filter(letter__state__in=DeadLetter.EDITABLE).count()
    same = untouched.count()
    return Outlook(undone, operation.total - same, same - undone)


def undo_one(item: OperationItem) -> None:
    """Restore the body before the edit. Raises EditedSinceError or WrongStateError."""
    operation, letter = item.operation, item.letter
    if letter.revision != item.revision:
        raise EditedSinceError(EditedSinceError.__doc__)
    revisions.put_back(
        letter,
        item.revision - 1,
        by=operation.by,
        reason=f"Operation {operation.pk} undoes operation {operation.undoes_id}: "
        f"revision {item.revision - 1} again. {operation.reason}",
    )
