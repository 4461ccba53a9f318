"""Run operations in small steps that survive any restart.

Each step takes the next items of the frozen list, applies the operation to them
(operations/steps.py) and records the results. A step that crashes leaves items waiting
whose letters carry the
operation's number: they are not sent again, and `resend_claimed` finishes those that were
claimed only.
"""

from contextlib import suppress
from time import monotonic, sleep

from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import leases, steps
from dlq_review.operations.control import finish, pause
from dlq_review.operations.progress import TRIED, tally
from processing.events.contracts import CONTRACTS

BATCH = 10  # one SendMessageBatch
_Item = OperationItem.State


def run_all(seconds: float) -> int:
    """Give each running operation its share of *seconds*; return how many ran."""
    running = list(Operation.objects.filter(state=Operation.State.RUNNING))
    return sum(run(one, seconds / len(running)) for one in running)


def run(operation: Operation, seconds: float) -> bool:
    """Run *operation* for at most *seconds*, at its rate; False if another runs it."""
    lease = leases.take(operation)
    if lease is None:
        return False
    try:
        with suppress(leases.LeaseLostError):
            _run(operation, lease, seconds)
    finally:
        lease.give_back()
    return True


def _run(operation: Operation, lease: leases.Lease, seconds: float) -> None:
    begun, handled, looked = monotonic(), 0, -1.0
    last, refusing = 0, set[str]()
    while (elapsed := monotonic() - begun) < seconds:
        if elapsed - looked >= 1:
            lease.renew()
            observe(operation)
            looked = elapsed
        if operation.state != Operation.State.RUNNING:
            return
        room = min(BATCH, int(operation.rate * elapsed) + 1 - handled)
        if room < 1:
            sleep(1 / operation.rate)
            continue
        items = _next(operation, room, last, refusing)
        if not items:
            break
        lease.renew()
        refusing |= steps.WORK[Operation.Kind(operation.kind)](operation, lease, items)
        last, handled = items[-1].pk, handled + len(items)
    lease.renew()
    observe(operation)


def _next(
    operation: Operation, room: int, last: int, refusing: set[str]
) -> list[OperationItem]:
    """The next items, after the one numbered *last*, that go to no queue of *refusing*."""
    if operation.kind == Operation.Kind.REDRIVE and operation.canary:
        room = min(room, _canary_leaves(operation))
    if room < 1 or operation.to in refusing:
        return []
    waiting = operation.items.filter(state=_Item.WAITING, pk__gt=last).exclude(
        # Its outcome is not known: `resend_claimed` sends it, or gives it back.
        letter__state=DeadLetter.State.CLAIMED,
        letter__operation=operation.pk,
    )
    if not operation.to:
        types = [name for name, one in CONTRACTS.items() if one.queue in refusing]
        waiting = waiting.exclude(letter__type__in=types)
    return list(waiting.select_related("letter").order_by("pk")[:room])


def _canary_leaves(operation: Operation) -> int:
    """How many may be sent now. Items that could not be sent do not count as canaries."""
    if operation.canary_over:
        return BATCH
    counts = tally(operation)
    tried = sum(counts.by_state[state] for state in TRIED)
    if tried < operation.canary:
        return operation.canary - tried
    if counts.sent:
        return 0
    Operation.objects.filter(pk=operation.pk).update(canary_over=True)
    operation.canary_over = True
    return BATCH


def observe(operation: Operation) -> None:
    """Record the outcomes of the sent items; then pause (the brake) or end the operation."""
    sent = operation.items.filter(state=_Item.SENT)
    sent.filter(letter__state=DeadLetter.State.RESOLVED).update(state=_Item.PROCESSED)
    # A letter that is discarded by now had failed again before.
    again = (*DeadLetter.EDITABLE, DeadLetter.State.DISCARDED)
    sent.filter(letter__state__in=again).update(state=_Item.FAILED_AGAIN)
    operation.refresh_from_db()
    if operation.state != Operation.State.RUNNING:
        return
    counts = tally(operation)
    if brake := counts.brake(operation):
        pause(operation, halted=brake)
    elif not counts.waiting and (not counts.sent or _is_late(operation)):
        finish(operation)


def _is_late(operation: Operation) -> bool:
    last = operation.sent_at or operation.created_at
    return last < DeadLetter.overdue_since()
