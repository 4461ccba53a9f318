"""Run operations over frozen lists, in small steps that survive any restart.

A list is frozen when the operation is made: INSERT ... SELECT of what waits, with a
cut-off. What fails later is counted and never included. Each step takes the next items,
claims and sends them (redriving.py owns that crash order) and writes what came of them. A
step that crashes leaves items waiting whose letters carry the operation's number: they are
not sent again, and `resend_claimed` finishes those that were claimed only.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic, sleep

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from dlq_review import redriving, settling
from dlq_review.models import AuditEntry, DeadLetter, Operation, OperationItem
from dlq_review.redriving import NotSentError, Redrive
from dlq_review.selecting import Selection
from dlq_review.transitions import ReviewError

BATCH = 10  # one SendMessageBatch
LEASE = timedelta(seconds=60)
MOST_PER_SECOND = 500
_Item = OperationItem.State


class NothingChosenError(ReviewError):
    """No dead letter that waits matches, so there is nothing to do."""


class WrongStepError(ReviewError):
    """The operation is not in a state that allows this."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run an operation."""

    kind: str = Operation.Kind.REDRIVE
    rate: int = 50
    canary: int = 0
    stop_at: int = 20
    limit: int | None = None


@transaction.atomic
def freeze(selection: Selection, plan: Plan, *, by: str, reason: str = "") -> Operation:
    """An operation over what *selection* finds now, not started. Raises NothingChosenError."""
    operation = Operation.objects.create(
        kind=plan.kind,
        selection=selection.as_json(),
        by=by,
        reason=reason,
        rate=min(max(plan.rate, 1), MOST_PER_SECOND),
        canary=plan.canary,
        stop_at=min(max(plan.stop_at, 1), 100),
        cutoff=timezone.now(),
    )
    chosen = selection.letters()[: plan.limit].values("id", "revision")
    sql, parameters = chosen.query.sql_with_params()
    table = OperationItem._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (operation_id, letter_id, revision, state, why) "  # noqa: S608 - names of our own
            f"SELECT %s, chosen.id, chosen.revision, 'waiting', '' FROM ({sql}) chosen",
            [operation.pk, *parameters],
        )
        operation.total = cursor.rowcount
    if not operation.total:
        raise NothingChosenError(NothingChosenError.__doc__)
    operation.save(update_fields=["total"])
    return operation


# -- Steering -----------------------------------------------------------------------
def start(operation: Operation, *, by: str) -> None:
    now = timezone.now()
    _steer(operation, (Operation.State.DRAFT,), "running", by, started_at=now)


def pause(operation: Operation, *, by: str = "", halted: str = "") -> None:
    _steer(operation, (Operation.State.RUNNING,), "paused", by, halted=halted)


def resume(operation: Operation, *, by: str) -> None:
    """Go on; whoever resumes after a brake has looked at what failed."""
    braked = operation.halted.startswith("Brake")
    changes = {"stop_at": 100} if braked else {}
    _steer(operation, (Operation.State.PAUSED,), "running", by, halted="", **changes)


@transaction.atomic
def cancel(operation: Operation, *, by: str) -> None:
    """Stop for good. What was sent stays sent; the rest is not touched."""
    allowed = (Operation.State.DRAFT, Operation.State.RUNNING, Operation.State.PAUSED)
    _steer(operation, allowed, "cancelled", by, ended_at=timezone.now())
    operation.items.filter(state=_Item.WAITING).update(
        state=_Item.SKIPPED, why="Cancelled."
    )


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
    AuditEntry.objects.create(
        operation=operation,
        actor=by,
        verb=AuditEntry.Verb.STARTED if before == "draft" else AuditEntry.Verb.STEERED,
        reason=operation.halted or operation.reason,
        before=before,
        after=to,
    )


# -- Running ------------------------------------------------------------------------
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
    if operation.kind == Operation.Kind.DISCARD:
        for item in items:
            _discard(operation, item)
        refused = False
    else:
        refused = _redrive(operation, items)
    now = timezone.now()
    Operation.objects.filter(pk=operation.pk).update(
        sent_at=now, leased_until=now + LEASE
    )
    return _Step(len(items), must_wait=refused)


def _canary(operation: Operation) -> Counter[str]:
    """The states of the items that go first."""
    states = operation.items.order_by("letter_id").values_list("state", flat=True)
    return Counter(states[: operation.canary])


def _redrive(operation: Operation, items: list[OperationItem]) -> bool:
    """Send *items*; whether SQS refused any, so that the next step should wait."""
    items = [item for item in items if not _sent_before_a_crash(operation, item)]
    chosen = [Redrive(item.letter, item.revision) for item in items]
    reason = f"Operation {operation.pk}. {operation.reason}".strip()
    refused = False
    for item, done in zip(
        items,
        redriving.redrive_many(
            chosen, by=operation.by, reason=reason, operation=operation.pk
        ),
        strict=True,
    ):
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


def _discard(operation: Operation, item: OperationItem) -> None:
    try:
        if item.letter.revision != item.revision:
            raise WrongStepError("Edited since it was chosen.")
        state = settling.discard(
            item.letter, by=operation.by, reason=operation.reason or str(operation)
        )
    except ReviewError as error:
        _write(item, _Item.SKIPPED, str(error))
    else:
        done = state == DeadLetter.State.DISCARDED
        _write(item, _Item.DISCARDED if done else _Item.PROCESSED)


def _write(item: OperationItem, state: str, why: str = "") -> None:
    OperationItem.objects.filter(pk=item.pk).update(state=state, why=why[:500])


# -- Outcomes -----------------------------------------------------------------------
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
        _steer(operation, ("running",), "done", "", ended_at=timezone.now())


def _is_late(operation: Operation) -> bool:
    last = operation.sent_at or operation.created_at
    return last < timezone.now() - timedelta(seconds=settings.REDRIVE_OVERDUE_SECONDS)


@dataclass(frozen=True, slots=True)
class Tally:
    by_state: Counter[str] = field(default_factory=Counter)

    @property
    def waiting(self) -> int:
        return self.by_state[_Item.WAITING]

    @property
    def sent(self) -> int:
        return self.by_state[_Item.SENT]

    @property
    def processed(self) -> int:
        return self.by_state[_Item.PROCESSED]

    @property
    def failed_again(self) -> int:
        return self.by_state[_Item.FAILED_AGAIN]

    @property
    def skipped(self) -> int:
        return self.by_state[_Item.SKIPPED]

    @property
    def discarded(self) -> int:
        return self.by_state[_Item.DISCARDED]

    @property
    def finished(self) -> int:
        return self.processed + self.failed_again

    def brakes(self, stop_at: int) -> bool:
        share = 100 * self.failed_again
        return stop_at < 100 and bool(share) and share >= stop_at * self.finished


def tally(operation: Operation) -> Tally:
    rows = operation.items.order_by().values_list("state").annotate(Count("pk"))
    return Tally(Counter(dict(rows)))


def newer(operation: Operation) -> int:
    """How many have failed since the list was frozen that it would have chosen."""
    chosen = Selection.from_json(operation.selection).letters()
    return chosen.filter(last_failed_at__gt=operation.cutoff)[:10_000].count()
