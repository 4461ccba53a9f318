"""Start, pause, resume and cancel an operation, each by compare-and-set and with a trail."""

from django.db import transaction
from django.utils import timezone

from dlq_review.errors import ReviewError
from dlq_review.models import AuditEntry, Operation, OperationItem, RedrivePolicy
from dlq_review.operations.progress import tally

_Verb = AuditEntry.Verb
#: What the trail says of the start, and of any other step.
_VERBS = {
    Operation: (_Verb.STARTED, _Verb.STEERED),
    RedrivePolicy: (_Verb.SCHEDULED, _Verb.POLICY),
}
_GOES = (Operation.State.RUNNING, RedrivePolicy.State.ACTIVE)


class WrongStepError(ReviewError):
    """The operation or the policy is not in a state that allows this."""


def start(operation: Operation, *, by: str) -> None:
    now = timezone.now()
    steer(operation, (Operation.State.DRAFT,), "running", by, started_at=now)


def pause(operation: Operation, *, by: str = "", halted: str = "") -> None:
    steer(operation, (Operation.State.RUNNING,), "paused", by, halted=halted)


def resume(operation: Operation, *, by: str) -> None:
    """Go on. After a brake, failures until now no longer count: the person has seen them."""
    changes = {"looked_at": tally(operation).outcomes} if operation.braked else {}
    steer(operation, (Operation.State.PAUSED,), "running", by, halted="", **changes)


@transaction.atomic
def cancel(operation: Operation, *, by: str) -> None:
    """Stop for good. Letters that were sent stay sent; the others are not touched."""
    allowed = (Operation.State.DRAFT, Operation.State.RUNNING, Operation.State.PAUSED)
    steer(operation, allowed, "cancelled", by, ended_at=timezone.now())
    item = OperationItem.State
    waiting = operation.items.filter(state__in=OperationItem.TO_DO)
    # Taken by a runner that could not record it.
    waiting.filter(letter__operation=operation.pk).update(state=item.SENT)
    ready = operation.items.filter(state=item.READY)
    ready.update(state=item.EDITED, why="Cancelled before it was sent.")
    waiting.update(state=item.SKIPPED, why="Cancelled.")


def finish(operation: Operation) -> None:
    steer(operation, (Operation.State.RUNNING,), "done", "", ended_at=timezone.now())


@transaction.atomic
def steer(
    row: Operation | RedrivePolicy,
    allowed: tuple[str, ...],
    to: str,
    by: str,
    **changes: object,
) -> None:
    """Change the state of *row*. Raises WrongStepError if it is not among the *allowed*."""
    before = row.state
    rows = type(row)._default_manager.filter(pk=row.pk, state=before)
    if not rows.filter(state__in=allowed).update(state=to, **changes):
        raise WrongStepError(
            f"{row} is {row.get_state_display().lower()} or was changed by somebody else."
            " Look at it again."
        )
    row.refresh_from_db()
    start, step = _VERBS[type(row)]
    AuditEntry.note(
        row,
        start if before == "draft" and to in _GOES else step,
        by=by,
        reason=row.halted or row.reason,
        before=before,
        after=to,
    )
