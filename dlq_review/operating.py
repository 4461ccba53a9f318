"""Run operations in small steps that survive any restart.

Each step takes the next items of the frozen list, claims and sends them (redriving.py owns
that crash order) and writes what came of them. A step that crashes leaves items waiting
whose letters carry the operation's number: they are not sent again, and `resend_claimed`
finishes those that were claimed only.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from dlq_review import editing, patching, reading, redriving, settling, undoing
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.redriving import NotSentError, Redrive, Terms
from dlq_review.steering import finish, pause
from dlq_review.tallying import tally
from dlq_review.transitions import ChangedMeanwhileError, ReviewError

BATCH = 10  # one SendMessageBatch
LEASE = timedelta(seconds=60)
_Item = OperationItem.State


def run_all(seconds: float) -> int:
    """Give each running operation its share of *seconds*; return how many ran."""
    running = list(Operation.objects.filter(state=Operation.State.RUNNING))
    return sum(run(one, seconds / len(running)) for one in running)


def run(operation: Operation, seconds: float) -> bool:
    """Run *operation* for at most *seconds*, at its rate; False where another runs it."""
    if not _lease(operation):
        return False
    try:
        begun, handled, looked = monotonic(), 0, -1.0
        while (elapsed := monotonic() - begun) < seconds:
            if elapsed - looked >= 1:
                observe(operation)
                looked = elapsed
            if operation.state != Operation.State.RUNNING:
                break
            room = min(BATCH, int(operation.rate * elapsed) + 1 - handled)
            if room < 1:
                sleep(1 / operation.rate)
                continue
            step = _step(operation, room)
            handled += step.handled
            if step.must_wait:
                break
        observe(operation)
    finally:
        Operation.objects.filter(pk=operation.pk).update(leased_until=None)
    return True


def _lease(operation: Operation) -> bool:
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    mine = Operation.objects.filter(free, pk=operation.pk, state="running").update(
        leased_until=now + LEASE
    )
    operation.refresh_from_db()
    return bool(mine)


@dataclass(slots=True)
class _Step:
    handled: int = 0
    must_wait: bool = False


def _step(operation: Operation, room: int) -> _Step:
    if operation.canary:
        canary = _canary(operation)
        if canary[_Item.WAITING]:
            room = min(room, canary[_Item.WAITING])
        elif canary[_Item.SENT]:
            return _Step(must_wait=True)
    items = list(
        operation.items.filter(state=_Item.WAITING)
        .select_related("letter")
        .order_by("pk")[:room]
    )
    if not items:
        return _Step(must_wait=True)
    refused = _WORK[Operation.Kind(operation.kind)](operation, items)
    now = timezone.now()
    Operation.objects.filter(pk=operation.pk).update(
        sent_at=now, leased_until=now + LEASE
    )
    return _Step(len(items), must_wait=refused)


def _canary(operation: Operation) -> Counter[str]:
    """The states of the items that go first."""
    states = operation.items.order_by("letter_id").values_list("state", flat=True)
    return Counter(states[: operation.canary])


def _redrive(operation: Operation, items: Sequence[OperationItem]) -> bool:
    """Send *items*; whether SQS refused any, so that the next step should wait."""
    items = [item for item in items if not _sent_before_a_crash(operation, item)]
    chosen = [Redrive(item.letter, item.revision) for item in items]
    terms = Terms(
        operation.by,
        f"Operation {operation.pk}. {operation.reason}".strip(),
        override_limit=operation.override_limit,
        to=operation.to,
        operation=operation.pk,
    )
    refused = False
    for item, done in zip(items, redriving.redrive_many(chosen, terms), strict=True):
        if isinstance(done.error, NotSentError) and not done.error.for_good:
            refused = True  # it stays on the list
        elif done.error is not None:
            _write(item, _Item.SKIPPED, str(done.error))
        elif done.letter.state == DeadLetter.State.RESOLVED:
            _write(item, _Item.PROCESSED, "Was processed already.")
        else:
            _write(item, _Item.SENT)
    return refused


def _sent_before_a_crash(operation: Operation, item: OperationItem) -> bool:
    """This operation took the letter already and could not write it down."""
    if item.letter.operation != operation.pk:
        return False
    # What came of it since, `observe` sees as for any other.
    _write(item, _Item.SENT)
    return True


def _discard(operation: Operation, items: Sequence[OperationItem]) -> bool:
    for item in items:
        try:
            _check_unchanged(item)
            state = settling.discard(
                item.letter, by=operation.by, reason=operation.reason or str(operation)
            )
        except ReviewError as error:
            _write(item, _Item.SKIPPED, str(error))
        else:
            done = state == DeadLetter.State.DISCARDED
            _write(item, _Item.DISCARDED if done else _Item.PROCESSED)
    return False


def _fix(operation: Operation, items: Sequence[OperationItem]) -> bool:
    for item in items:
        try:
            _check_unchanged(item)
            before = reading.current(item.letter).body
            after = patching.apply(operation.patch, before)
            if after == before:
                _write(item, _Item.SKIPPED, "The change makes no difference.")
                continue
            editing.edit(
                item.letter,
                after,
                based_on=item.revision,
                by=operation.by,
                reason=f"Operation {operation.pk}. {operation.reason}".strip(),
            )
        except ReviewError as error:
            _write(item, _Item.SKIPPED, str(error))
        else:
            _write(item, _Item.FIXED)
    return False


def _undo(operation: Operation, items: Sequence[OperationItem]) -> bool:
    for item in items:
        try:
            undoing.undo_one(item)
        except ReviewError as error:
            _write(item, _Item.SKIPPED, str(error))
        else:
            _write(item, _Item.UNDONE)
    return False


def _check_unchanged(item: OperationItem) -> None:
    if item.letter.revision != item.revision:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)


_WORK = {
    Operation.Kind.REDRIVE: _redrive,
    Operation.Kind.DISCARD: _discard,
    Operation.Kind.FIX: _fix,
    Operation.Kind.UNDO: _undo,
}


def _write(item: OperationItem, state: str, why: str = "") -> None:
    OperationItem.objects.filter(pk=item.pk).update(state=state, why=why[:500])


def observe(operation: Operation) -> None:
    """Learn what became of what was sent; brake, or end."""
    sent = operation.items.filter(state=_Item.SENT)
    sent.filter(letter__state=DeadLetter.State.RESOLVED).update(state=_Item.PROCESSED)
    again = (*DeadLetter.EDITABLE, DeadLetter.State.DISCARDED)
    sent.filter(letter__state__in=again).update(state=_Item.FAILED_AGAIN)
    operation.refresh_from_db()
    if operation.state != Operation.State.RUNNING:
        return
    counts = tally(operation)
    if counts.brakes(operation.stop_at):
        share = f"{counts.failed_again} of {counts.finished}"
        pause(operation, halted=f"Brake: {share} failed again.")
    elif not counts.waiting and (not counts.sent or _is_late(operation)):
        finish(operation)


def _is_late(operation: Operation) -> bool:
    last = operation.sent_at or operation.created_at
    return last < timezone.now() - timedelta(seconds=settings.REDRIVE_OVERDUE_SECONDS)
