"""Apply the operation to each item of a step, and record the result.

Crash order: a change of our database is recorded in its own transaction, with the whole set
where the verb takes a set. A redrive is claimed and sent first (redrive/sender.py); a letter
that carries the operation's number was taken by it, even if a runner crashed before it
recorded that. If a set fails, each of its items is done alone; an item that fails alone is
skipped, and tells why.
"""

from collections.abc import Callable, Sequence

from django.utils import timezone

from dlq_review.bodies import json_patch
from dlq_review.errors import ChangedMeanwhileError, FailedError, ReviewError
from dlq_review.letters import current_event, revisions, settlement
from dlq_review.letters.revisions import Edit
from dlq_review.letters.sets import all_or_each, column
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import edit_undo
from dlq_review.operations.leases import Lease, LeaseLostError
from dlq_review.redrive import sender
from dlq_review.redrive.terms import NotSentError, Redrive, Terms

_Item = OperationItem.State
Work = Callable[[Operation, Lease, Sequence[OperationItem]], set[str]]
"""Returns the queues that took nothing; other items for these queues should wait."""
_Done = list[str | ReviewError]
"""The new state of each item, or why it is skipped; in order."""
_Results = dict[int, tuple[str, str]]
"""The new state of items by their numbers, and why they were skipped."""


class NoDifferenceError(ReviewError):
    """The change makes no difference."""


def _redrive(
    operation: Operation, lease: Lease, items: Sequence[OperationItem]
) -> set[str]:
    ours = [item for item in items if item.letter.operation == operation.pk]
    rest = [item for item in items if item.letter.operation != operation.pk]
    chosen = [Redrive(item.letter, item.revision) for item in rest]
    done = sender.redrive_many(chosen, _terms(operation))
    refused: dict[str, str] = {}
    # Sent by a runner that could not record it.
    results: _Results = {item.pk: (_Item.SENT, "") for item in ours}
    with lease.writing() as locked:
        taken = _taken(operation, done)
        for item, one in zip(rest, done, strict=True):
            if isinstance(one.error, NotSentError) and not one.error.for_good:
                refused[one.letter.goal] = one.error.reason  # it stays on the list
            # An earlier runner sent it: the next step sees its outcome.
            elif one.error is None or item.letter_id not in taken:
                results[item.pk] = _result(one)
        _write(results)
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


def _result(one: Redrive) -> tuple[str, str]:
    if one.error is not None:
        return _Item.SKIPPED, str(one.error)
    resolved = one.letter.state == DeadLetter.State.RESOLVED
    return (_Item.DONE_ALREADY if resolved else _Item.SENT), ""


def _in_sets(do: Callable[[Operation, Sequence[OperationItem]], _Done]) -> Work:
    """Apply *do* to all items in one transaction, and record the results in it."""

    def work(
        operation: Operation, lease: Lease, items: Sequence[OperationItem]
    ) -> set[str]:
        def do_and_write(some: Sequence[OperationItem]) -> _Done:
            with lease.writing() as locked:
                if locked.state != Operation.State.RUNNING:
                    return [_Item.WAITING for _ in some]
                done = do(operation, some)
                _write_done(some, done)
                return done

        done = all_or_each(
            items, do_and_write, letter=_letter_of, raises=LeaseLostError
        )
        failed = [
            (item, error)
            for item, error in zip(items, done, strict=True)
            if isinstance(error, FailedError)
        ]
        if failed:
            with lease.writing():
                _write_done([item for item, _ in failed], [why for _, why in failed])
        return set()

    return work


def _letter_of(item: OperationItem) -> DeadLetter:
    return item.letter


def _each(do: Callable[[Operation, OperationItem], str]) -> Work:
    """Apply *do* to each item and record the result, each in a transaction of its own."""

    def do_one(operation: Operation, items: Sequence[OperationItem]) -> _Done:
        (item,) = items
        try:
            return [do(operation, item)]
        except ReviewError as error:
            return [error]

    work_on = _in_sets(do_one)

    def work(
        operation: Operation, lease: Lease, items: Sequence[OperationItem]
    ) -> set[str]:
        for item in items:
            work_on(operation, lease, [item])
        return set()

    return work


def _discard(operation: Operation, items: Sequence[OperationItem]) -> _Done:
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


def _edit(operation: Operation, items: Sequence[OperationItem]) -> _Done:
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
        after = json_patch.apply(operation.patch, before, masked=operation.masked)
    except ReviewError as error:
        return error
    if after == before:
        return NoDifferenceError(NoDifferenceError.__doc__)
    return Edit(item.letter, after, item.revision)


def _undo(operation: Operation, item: OperationItem) -> str:
    edit_undo.undo_one(item)
    return _Item.UNDONE


WORK: dict[Operation.Kind, Work] = {
    Operation.Kind.REDRIVE: _redrive,
    Operation.Kind.DISCARD: _in_sets(_discard),
    Operation.Kind.RESTORE: _each(_restore),
    Operation.Kind.EDIT: _in_sets(_edit),
    Operation.Kind.UNDO: _each(_undo),
}


def _is_unchanged(item: OperationItem) -> bool:
    return item.letter.revision == item.revision


def _changed() -> ReviewError:
    return ChangedMeanwhileError(ChangedMeanwhileError.__doc__)


def _reason(operation: Operation) -> str:
    return f"Operation {operation.pk}. {operation.reason}".strip()


def _write_done(items: Sequence[OperationItem], done: _Done) -> None:
    _write(
        {
            item.pk: (_Item.SKIPPED, str(one))
            if isinstance(one, ReviewError)
            else (one, "")
            for item, one in zip(items, done, strict=True)
        }
    )


def _write(results: _Results) -> None:
    """Store the state of each item, and why it was skipped, by one statement."""
    if not results:
        return
    states = {pk: state for pk, (state, _) in results.items()}
    why = {pk: why[:500] for pk, (_, why) in results.items()}
    OperationItem.objects.filter(pk__in=results).update(
        state=column(OperationItem, "state", states),
        why=column(OperationItem, "why", why),
    )
