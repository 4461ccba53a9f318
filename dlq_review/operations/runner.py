"""Run operations in small steps that survive any restart.

Each step takes the next items of the frozen list, applies the operation to them
(operations/steps.py) and records the results. A step that crashes leaves items waiting
whose letters carry the operation's number: they are not sent again, and `resend_claimed`
finishes those that were claimed only.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from time import monotonic, sleep

from django.db.models import Exists, OuterRef

from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import leases, steps
from dlq_review.operations.control import finish, pause
from dlq_review.operations.pace import Pace
from dlq_review.operations.progress import TRIED, tally
from processing.events.contracts import CONTRACTS

SET = 100  # items of one step
LOOK = 1  # second between two looks at the outcomes
_Item = OperationItem.State


@dataclass(frozen=True, slots=True)
class Ran:
    """How many operations a run held, and how many of them have letters that are due."""

    operations: int
    unfinished: int


def run_all(seconds: float) -> Ran:
    """Run all operations that run, in turns, for at most *seconds*."""
    running = Operation.objects.filter(state=Operation.State.RUNNING)
    return _run([(one, Pace(one.rate)) for one in running], seconds)


def run(operation: Operation, seconds: float, pace: Pace | None = None) -> bool:
    """Run *operation* for at most *seconds*, at its rate; False if another runs it.

    *pace* carries over from one run to the next, so that nothing is lost in between.
    """
    pace = pace or Pace(operation.rate)
    if not _run([(operation, pace)], seconds).operations:
        pace.rest()
        return False
    return True


def _run(operations: list[tuple[Operation, Pace]], seconds: float) -> Ran:
    """Run those of *operations* that no other runner holds."""
    ends = monotonic() + seconds
    runs = [
        _Run(operation, lease, pace)
        for operation, pace in operations
        if (lease := leases.take(operation)) is not None
    ]
    going = runs
    try:
        while going and monotonic() < ends:
            going = [one for one in going if one.goes_on()]
            sleep(min((one.pace.wait() for one in going), default=0))
        for one in going:
            one.look()
    finally:
        for one in runs:
            one.lease.give_back()
    return Ran(len(runs), len(going))


@dataclass(slots=True)
class _Run:
    """One operation, held by a lease until all of this run are over."""

    operation: Operation
    lease: leases.Lease
    pace: Pace
    last: int = 0
    """The number of the last item that was tried."""
    refusing: set[str] = field(default_factory=set)
    """The queues that took nothing in this run."""
    _looked: float = -inf

    def goes_on(self) -> bool:
        """Take a step if one is due; False if there is nothing more to do in this run."""
        if monotonic() - self._looked >= LOOK and not self.look():
            return False
        room = min(SET, self.pace.due())
        with suppress(leases.LeaseLostError):
            if not room or self._step(room):
                return True
            self.pace.rest()
            self.look()
        return False

    def _step(self, room: int) -> bool:
        """False if no item is left that may be tried now."""
        items = _next(self.operation, room, self.last, self.refusing)
        if not items:
            with self.lease.writing():
                _skip_deleted(self.operation)
            return False
        self.lease.renew(self.pace.reached)
        kind = Operation.Kind(self.operation.kind)
        self.refusing |= steps.WORK[kind](self.operation, self.lease, items)
        self.last = items[-1].pk
        self.pace.took(len(items))
        return True

    def look(self) -> bool:
        """Record outcomes; False if the operation does not run on, or is not ours any more."""
        with suppress(leases.LeaseLostError):
            self.lease.renew(self.pace.reached)
            observe(self.operation)
            self._looked = monotonic()
            return self.operation.state == Operation.State.RUNNING
        return False


def _next(
    operation: Operation, room: int, last: int, refusing: set[str]
) -> list[OperationItem]:
    """The next items, after the one numbered *last*, that go to no queue of *refusing*."""
    if operation.kind in Operation.REDRIVES and operation.canary:
        room = min(room, _canary_leaves(operation))
    if room < 1 or operation.to in refusing:
        return []
    waiting = operation.items.filter(pk__gt=last).exclude(
        # Its outcome is not known: `resend_claimed` sends it, or gives it back.
        letter__state=DeadLetter.State.CLAIMED,
        letter__operation=operation.pk,
    )
    if not operation.to:
        types = [name for name, one in CONTRACTS.items() if one.queue in refusing]
        waiting = waiting.exclude(letter__type__in=types)
    waiting = waiting.select_related("letter").order_by("pk")
    repairs = operation.kind == Operation.Kind.REPAIR
    states = OperationItem.TO_DO if repairs else (_Item.WAITING,)
    # Each state by itself: the index has no order across several.
    found = [one for state in states for one in waiting.filter(state=state)[:room]]
    return sorted(found, key=lambda one: one.pk)[:room]


def _skip_deleted(operation: Operation) -> None:
    """Skip items whose letter was deleted since: nothing else would ever end them."""
    letter = DeadLetter.objects.filter(pk=OuterRef("letter_id"))
    gone = operation.items.filter(~Exists(letter), state__in=OperationItem.TO_DO)
    gone.update(state=_Item.SKIPPED, why="The dead letter was deleted meanwhile.")


def _canary_leaves(operation: Operation) -> int:
    """How many may be sent now. Items that could not be sent do not count as canaries."""
    if operation.canary_over:
        return SET
    counts = tally(operation)
    tried = sum(counts.by_state[state] for state in TRIED)
    if tried < operation.canary:
        return operation.canary - tried
    if counts.sent:
        return 0
    Operation.objects.filter(pk=operation.pk).update(canary_over=True)
    operation.canary_over = True
    return SET


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
