"""Apply the operation to each item of a step, and record the result.

Crash order: a change of our database is recorded in its own transaction, with the whole set
where the verb takes a set. A redrive is claimed and sent first (redrive/sender.py); a letter
that carries the operation's number was taken by it, even if a runner crashed before it
recorded that.

A repair edits a set -> commits, with each item READY -> claims and sends the set as a redrive
does. A crash in between leaves items READY, and the next step sends them; none is edited twice.
"""

from collections.abc import Sequence

from django.utils import timezone

from dlq_review.bodies import patch_cases
from dlq_review.errors import ChangedMeanwhileError, ReviewError
from dlq_review.letters import current_event, revisions, settlement
from dlq_review.letters.revisions import Edit
from dlq_review.letters.sets import column
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import edit_undo
from dlq_review.operations.leases import Lease
from dlq_review.operations.recording import (
    Done,
    Results,
    Work,
    each,
    in_sets,
    write,
)
from dlq_review.redrive import sender
from dlq_review.redrive.terms import NotSentError, Redrive, Terms

_Item = OperationItem.State


class NoDifferenceError(ReviewError):
    """The change makes no difference."""


def _redrive(
    operation: Operation,
    lease: Lease,
    items: Sequence[OperationItem],
    not_sent: str = _Item.SKIPPED,
) -> set[str]:
    """Send *items*. One that cannot be sent gets the state *not_sent*, and tells why."""
    ours = [item for item in items if item.letter.operation == operation.pk]
    rest = [item for item in items if item.letter.operation != operation.pk]
    chosen = [Redrive(item.letter, item.revision) for item in rest]
    done = sender.redrive_many(chosen, _terms(operation))
    refused: dict[str, str] = {}
    # Sent by a runner that could not record it.
    results: Results = {item.pk: (_Item.SENT, "") for item in ours}
    with lease.writing() as locked:
        taken = _taken(operation, done)
        for item, one in zip(rest, done, strict=True):
            if isinstance(one.error, NotSentError) and not one.error.for_good:
                refused[one.letter.goal] = one.error.reason  # it stays on the list
            # An earlier runner sent it: the next step sees its outcome.
            elif one.error is None or item.letter_id not in taken:
                results[item.pk] = _result(one, not_sent)
        write(results)
        took = {item.letter.goal for item in rest} - refused.keys()
        locked.refused = {
            queue: why for queue, why in locked.refused.items() if queue not in took
        } | refused
        locked.sent_at = timezone.now()
        locked.save(update_fields=["refused", "sent_at"])
    return set(refused)


def _taken(operation: Operation, done: Sequence[Redrive]) -> set[int]:
    """The letters that were not sent now, but were taken by the operation before."""
    not_sent = [one.letter.pk for one in done if one.error is not None]
    found = DeadLetter.objects.filter(pk__in=not_sent, operation=operation.pk)
    return set(found.values_list("pk", flat=True))


def _terms(operation: Operation) -> Terms:
    return Terms(
        operation.by,
        _reason(operation),
        override_limit=operation.override_limit,
        to=operation.to,
        operation=operation.pk,
    )


def _result(one: Redrive, not_sent: str) -> tuple[str, str]:
    if one.error is not None:
        return not_sent, str(one.error)
    resolved = one.letter.state == DeadLetter.State.RESOLVED
    return (_Item.DONE_ALREADY if resolved else _Item.SENT), ""


def _discard(operation: Operation, items: Sequence[OperationItem]) -> Done:
    unchanged = [item for item in items if _is_unchanged(item)]
    refused = iter(
        settlement.discard_all(
            [item.letter for item in unchanged],
            by=operation.by,
            reason=operation.reason or str(operation),
        )
    )
    return [
        (next(refused) or _discarded(item)) if _is_unchanged(item) else _changed()
        for item in items
    ]


def _discarded(item: OperationItem) -> str:
    discarded = item.letter.state == DeadLetter.State.DISCARDED
    return _Item.DISCARDED if discarded else _Item.DONE_ALREADY


def _restore(operation: Operation, item: OperationItem) -> str:
    if not _is_unchanged(item):
        raise _changed()
    settled_at = item.letter.settled_at
    if settled_at is not None and settled_at > operation.cutoff:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    settlement.restore(item.letter, by=operation.by, reason=_reason(operation))
    return _Item.RESTORED


def _edit(operation: Operation, items: Sequence[OperationItem]) -> Done:
    bodies = current_event.current_bodies([item.letter for item in items])
    changed = [_patched(operation, item, bodies) for item in items]
    edits = [one for one in changed if isinstance(one, Edit)]
    saved = iter(revisions.edit_all(edits, by=operation.by, reason=_reason(operation)))
    done = [next(saved) if isinstance(one, Edit) else one for one in changed]
    return [one if isinstance(one, ReviewError) else _Item.EDITED for one in done]


def _patched(
    operation: Operation, item: OperationItem, bodies: dict[int, str]
) -> Edit | ReviewError:
    if not _is_unchanged(item) or item.letter_id not in bodies:
        return _changed()
    before = bodies[item.letter_id]
    try:
        after = patch_cases.apply(operation.patch, before, masked=operation.masked)
    except ReviewError as error:
        return error
    if after == before:
        return NoDifferenceError(NoDifferenceError.__doc__)
    return Edit(item.letter, after, item.revision)


def _prepare(operation: Operation, items: Sequence[OperationItem]) -> Done:
    """The first half of a repair. An item carries the revision that is to be sent then."""
    done = _edit(operation, items)
    ready = [item for item, one in zip(items, done, strict=True) if one == _Item.EDITED]
    if ready:
        new = {item.pk: item.letter.revision for item in ready}
        OperationItem.objects.filter(pk__in=new).update(
            revision=column(OperationItem, "revision", new)
        )
    return [_Item.READY if one == _Item.EDITED else one for one in done]


_prepare_set = in_sets(_prepare)


def _repair(
    operation: Operation, lease: Lease, items: Sequence[OperationItem]
) -> set[str]:
    waiting = [item for item in items if item.state == _Item.WAITING]
    if waiting:
        _prepare_set(operation, lease, waiting)
    numbers = [item.pk for item in items]
    ready = OperationItem.objects.filter(pk__in=numbers, state=_Item.READY)
    going = list(ready.select_related("letter").order_by("pk"))
    return _redrive(operation, lease, going, _Item.EDITED) if going else set()


def _undo(operation: Operation, item: OperationItem) -> str:
    edit_undo.undo_one(item)
    return _Item.UNDONE


WORK: dict[Operation.Kind, Work] = {
    Operation.Kind.REDRIVE: _redrive,
    Operation.Kind.DISCARD: in_sets(_discard),
    Operation.Kind.RESTORE: each(_restore),
    Operation.Kind.EDIT: in_sets(_edit),
    Operation.Kind.UNDO: each(_undo),
    Operation.Kind.REPAIR: _repair,
}


def _is_unchanged(item: OperationItem) -> bool:
    return item.letter.revision == item.revision


def _changed() -> ReviewError:
    return ChangedMeanwhileError(ChangedMeanwhileError.__doc__)


def _reason(operation: Operation) -> str:
    return f"Operation {operation.pk}. {operation.reason}".strip()
