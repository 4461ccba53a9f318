"""Apply a verb to the items of a step, in sets or one by one, and record their results.

The result of an item is its new state, or the ReviewError that skips it. It is written in the
transaction of the verb. If a set fails, each of its items is done alone; an item that fails
alone is skipped, and tells why.
"""

from collections.abc import Callable, Sequence

from dlq_review.errors import FailedError, ReviewError
from dlq_review.letters.sets import all_or_each, column
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations.leases import Lease, LeaseLostError

_Item = OperationItem.State
Work = Callable[[Operation, Lease, Sequence[OperationItem]], set[str]]
"""Returns the queues that took nothing; other items for these queues should wait."""
Done = list[str | ReviewError]
"""The new state of each item, or why it is skipped; in order."""
Results = dict[int, tuple[str, str]]
"""The new state of items by their numbers, and why they were skipped."""


def in_sets(do: Callable[[Operation, Sequence[OperationItem]], Done]) -> Work:
    """Apply *do* to all items in one transaction, and record the results in it."""

    def work(
        operation: Operation, lease: Lease, items: Sequence[OperationItem]
    ) -> set[str]:
        def do_and_write(some: Sequence[OperationItem]) -> Done:
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


def each(do: Callable[[Operation, OperationItem], str]) -> Work:
    """Apply *do* to each item and record the result, each in a transaction of its own."""

    def do_one(operation: Operation, items: Sequence[OperationItem]) -> Done:
        (item,) = items
        try:
            return [do(operation, item)]
        except ReviewError as error:
            return [error]

    work_on = in_sets(do_one)

    def work(
        operation: Operation, lease: Lease, items: Sequence[OperationItem]
    ) -> set[str]:
        for item in items:
            work_on(operation, lease, [item])
        return set()

    return work


def _write_done(items: Sequence[OperationItem], done: Done) -> None:
    write(
        {
            item.pk: (_Item.SKIPPED, str(one))
            if isinstance(one, ReviewError)
            else (one, "")
            for item, one in zip(items, done, strict=True)
        }
    )


def write(results: Results) -> None:
    """Store the state of each item, and why it was skipped, by one statement."""
    if not results:
        return
    states = {pk: state for pk, (state, _) in results.items()}
    why = {pk: why[:500] for pk, (_, why) in results.items()}
    OperationItem.objects.filter(pk__in=results).update(
        state=column(OperationItem, "state", states),
        why=column(OperationItem, "why", why),
    )
