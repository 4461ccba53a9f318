"""Start, pause, resume and cancel an operation, each by compare-and-set and with a trail."""

from django.db import transaction
from django.utils import timezone

from dlq_review.errors import ReviewError
from dlq_review.models import AuditEntry, Operation, OperationItem
from dlq_review.operations.progress import tally


class WrongStepError(ReviewError):
    """The operation is not in a state that allows this."""


def start(operation: Operation, *, by: str) -> None:
    now = timezone.now()
    _steer(operation, (Operation.State.DRAFT,), "running", by, started_at=now)


def pause(operation: Operation, *, by: str = "", halted: str = "") -> None:
    _steer(operation, (Operation.State.RUNNING,), "paused", by, halted=halted)


def resume(operation: Operation, *, by: str) -> None:
    """Go on. After a brake, failures until now no longer count: the person has seen them."""
    changes = {"looked_at": tally(operation).outcomes} if operation.braked else {}
    _steer(operation, (Operation.State.PAUSED,), "running", by, halted="", **changes)


@transaction.atomic
def cancel(operation: Operation, *, by: str) -> None:
    """Stop for good. Letters that were sent stay sent; the others are not touched."""
    allowed = (Operation.State.DRAFT, Operation.State.RUNNING, Operation.State.PAUSED)
    _steer(operation, allowed, "cancelled", by, ended_at=timezone.now())
    item = OperationItem.State
    waiting = operation.items.filter(state__in=OperationItem.TO_DO)
    # Taken by a runner that could not record it.
    waiting.filter(letter__operation=operation.pk).update(state=item.SENT)
    ready = operation.items.filter(state=item.READY)
    ready.update(state=item.EDITED, why="Cancelled before it was sent.")
    waiting.update(state=item.SKIPPED, why="Cancelled.")


def finish(operation: Operation) -> None:
    _steer(operation, (Operation.State.RUNNING,), "done", "", ended_at=timezone.now())


@transaction.atomic
def _steer(
    operation: Operation, allowed: tuple[str, ...], to: str, by: str, **changes: object
) -> None:
    before = operation.state
    updated = Operation.objects.filter(
        pk=operation.pk, state=before, state__in=allowed
    ).update(state=to, **changes)
    if not updated:
        raise WrongStepError(
            f"{operation} is {operation.get_state_display().lower()} or was changed by "
            "somebody else. Look at it again."
        )
    operation.refresh_from_db()
    AuditEntry.note(
        operation,
        AuditEntry.Verb.STARTED if before == "draft" else AuditEntry.Verb.STEERED,
        by=by,
        reason=operation.halted or operation.reason,
        before=before,
        after=to,
    )
