"""Apply the operation to each item of a step, and record the result.

Crash order: a change of our database is recorded in its own transaction. A redrive is
claimed and sent first (redrive/sender.py); a letter that carries the operation's number was
taken by it, even if a runner crashed before it recorded that.
"""

from collections.abc import Callable, Sequence

from django.utils import timezone

from dlq_review.bodies import json_patch
from dlq_review.errors import ChangedMeanwhileError, ReviewError
from dlq_review.letters import current_event, revisions, settlement
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import edit_undo
from dlq_review.operations.leases import Lease
from dlq_review.redrive import sender
from dlq_review.redrive.terms import NotSentError, Redrive, Terms

_Item = OperationItem.State
Work = Callable[[Operation, Lease, Sequence[OperationItem]], set[str]]
"""Returns the queues that took nothing; other items for these queues should wait."""


class NoDifferenceError(ReviewError):
    """The change makes no difference."""


def _redrive(
    operation: Operation, lease: Lease, items: Sequence[OperationItem]
) -> set[str]:
    ours = [item for item in items if item.letter.operation == operation.pk]
    rest = [item for item in items if item not in ours]
    chosen = [Redrive(item.letter, item.revision) for item in rest]
    done = sender.redrive_many(chosen, _terms(operation))
    refused: dict[str, str] = {}
    with lease.writing() as locked:
        for item in ours:  # sent by a runner that could not record it
            _write(item, _Item.SENT)
        for item, one in zip(rest, done, strict=True):
            if isinstance(one.error, NotSentError) and not one.error.for_good:
                refused[one.letter.goal] = one.error.reason  # it stays on the list
            else:
                _write_redriven(operation, item, one)
        took = {item.letter.goal for item in rest} - refused.keys()
        locked.refused = {
            queue: why for queue, why in locked.refused.items() if queue not in took
        } | refused
        locked.sent_at = timezone.now()
        locked.save(update_fields=["refused", "sent_at"])
    return set(refused)


def _terms(operation: Operation) -> Terms:
    return Terms(
        operation.by,
        _reason(operation),
        override_limit=operation.override_limit,
        to=operation.to,
        operation=operation.pk,
    )


def _write_redriven(operation: Operation, item: OperationItem, one: Redrive) -> None:
    if one.error is None:
        resolved = one.letter.state == DeadLetter.State.RESOLVED
        _write(item, _Item.DONE_ALREADY if resolved else _Item.SENT)
        return
    taken = DeadLetter.objects.filter(pk=item.letter_id, operation=operation.pk)
    if (
        not taken.exists()
    ):  # else an earlier runner sent it: the next step sees its outcome
        _write(item, _Item.SKIPPED, str(one.error))


def _each(do: Callable[[Operation, OperationItem], str]) -> Work:
    """Apply *do* to each item and record the result; a ReviewError skips the item."""

    def work(
        operation: Operation, lease: Lease, items: Sequence[OperationItem]
    ) -> set[str]:
        for item in items:
            with lease.writing() as locked:
                if locked.state != Operation.State.RUNNING:
                    break
                try:
                    _write(item, do(operation, item))
                except ReviewError as error:
                    _write(item, _Item.SKIPPED, str(error))
        return set()

    return work


def _discard(operation: Operation, item: OperationItem) -> str:
    _check_unchanged(item)
    state = settlement.discard(
        item.letter, by=operation.by, reason=operation.reason or str(operation)
    )
    if state == DeadLetter.State.DISCARDED:
        return _Item.DISCARDED
    return _Item.DONE_ALREADY


def _restore(operation: Operation, item: OperationItem) -> str:
    _check_unchanged(item)
    settled_at = item.letter.settled_at
    if settled_at is not None and settled_at > operation.cutoff:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    settlement.restore(item.letter, by=operation.by, reason=_reason(operation))
    return _Item.RESTORED


def _edit(operation: Operation, item: OperationItem) -> str:
    _check_unchanged(item)
    before = current_event.current(item.letter).body
    after = json_patch.apply(operation.patch, before, masked=operation.masked)
    if after == before:
        raise NoDifferenceError(NoDifferenceError.__doc__)
    revisions.edit(
        item.letter,
        after,
        based_on=item.revision,
        by=operation.by,
        reason=_reason(operation),
    )
    return _Item.EDITED


def _undo(operation: Operation, item: OperationItem) -> str:
    edit_undo.undo_one(item)
    return _Item.UNDONE


WORK: dict[Operation.Kind, Work] = {
    Operation.Kind.REDRIVE: _redrive,
    Operation.Kind.DISCARD: _each(_discard),
    Operation.Kind.RESTORE: _each(_restore),
    Operation.Kind.EDIT: _each(_edit),
    Operation.Kind.UNDO: _each(_undo),
}


def _check_unchanged(item: OperationItem) -> None:
    if item.letter.revision != item.revision:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)


def _reason(operation: Operation) -> str:
    return f"Operation {operation.pk}. {operation.reason}".strip()


def _write(item: OperationItem, state: str, why: str = "") -> None:
    OperationItem.objects.filter(pk=item.pk).update(state=state, why=why[:500])
