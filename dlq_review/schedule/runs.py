"""Begin a run of each policy that is due: an operation, which the ordinary runner runs.

Crash order: take the lease of the policy -> commit -> ask its probe -> look at the policy
and the rights of its owner again -> one transaction {freeze the list; start the operation;
set the time of the next run; give the lease back}. A process that dies before the
transaction commits leaves the policy due: another begins the run when the lease has run
out. One that dies behind it leaves a running operation, which the runner goes on with.
While an operation of the policy is not over, it is not due.
"""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from time import monotonic
from uuid import UUID, uuid4

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from dlq_review.models import DeadLetter, FailureGroup, Operation, RedrivePolicy
from dlq_review.operations import control, plans
from dlq_review.operations.plans import NothingChosenError, Plan
from dlq_review.schedule import probes, watch
from dlq_review.search.selections import Selection

logger = logging.getLogger(__name__)

LASTS = timedelta(seconds=120)  # above what a probe and the reading of bodies may take


class LeaseLostError(Exception):
    """Another process holds the policy now, or somebody paused it."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result for one policy: the operation, if one began, and a sentence."""

    policy: RedrivePolicy
    said: str
    operation: Operation | None = None


def look() -> list[Done]:
    """Stop or end the policies that must not go on; a result for each of these."""
    return [_halted(one) for one in watch.look_at_all()]


def _halted(policy: RedrivePolicy) -> Done:
    return Done(policy, f"{policy.get_state_display()}. {policy.halted}")


def due() -> QuerySet[RedrivePolicy]:
    """The policies that may begin a run now, or whose last day has passed."""
    now = timezone.now()
    unfinished = Operation.objects.filter(policy=OuterRef("pk"))
    unfinished = unfinished.exclude(state__in=Operation.ENDED)
    has_come = Q(next_run_at__lte=now) & ~Exists(unfinished)
    return RedrivePolicy.objects.filter(
        Q(leased_until=None) | Q(leased_until__lt=now),
        has_come | Q(until__lt=RedrivePolicy.today()),
        state=RedrivePolicy.State.ACTIVE,
    )


def begin_due(seconds: float = inf) -> list[Done]:
    """Look at all active policies, then begin what is due, for about *seconds*.

    Returns a result for each policy that it stopped or for which it asked a probe.
    """
    ends = monotonic() + seconds
    done = look()
    for policy in due().order_by("next_run_at", "pk"):
        if monotonic() >= ends:
            break
        try:
            done.append(_begin(policy, _take(policy)))
        except LeaseLostError:
            continue
        except (SoftTimeLimitExceeded, OperationalError, InterfaceError):
            raise
        except Exception:  # no policy may keep the others from their runs
            logger.exception("policy=%s begun=0", policy.pk)
    return done


def _take(policy: RedrivePolicy) -> UUID:
    """The owner of the lease. Raises LeaseLostError if another process was first."""
    owner = uuid4()
    mine = due().filter(pk=policy.pk)
    if not mine.update(leased_until=timezone.now() + LASTS, lease_owner=owner):
        raise LeaseLostError(LeaseLostError.__doc__)
    policy.refresh_from_db()
    return owner


def _begin(policy: RedrivePolicy, owner: UUID) -> Done:
    verdict = probes.ask(policy)
    if not verdict.green:
        return _wait(policy, owner, verdict)
    policy.refresh_from_db()  # the probes took their time
    if policy.state == RedrivePolicy.State.ACTIVE and watch.look_at(policy):
        return _halted(policy)
    try:
        operation = plans.freeze(
            selection(policy),
            plan(policy),
            by=policy.owner,
            reason=f"{policy}. {policy.reason}",
            on_frozen=lambda frozen: _start(policy, owner, verdict, frozen),
        )
    except NothingChosenError:
        nothing = replace(verdict, why=f"{verdict.why} There was nothing to redrive.")
        return _wait(policy, owner, nothing)
    return Done(policy, policy.said, operation)


def selection(policy: RedrivePolicy) -> Selection:
    """The letters that *policy* may take now, in the group that its group was merged into."""
    chosen = Selection.from_json(policy.selection, masked=policy.masked)
    if chosen.group is not None:
        group = FailureGroup.objects.filter(pk=chosen.group).first()
        into = group.merged_into_id if group else None
        chosen = replace(chosen, group=into or chosen.group)
    return replace(chosen, policy=policy.pk)


def plan(policy: RedrivePolicy) -> Plan:
    return Plan(
        rate=policy.rate,
        canary=policy.canary,
        stop_at=policy.stop_at,
        limit=policy.most,
    )


def _wait(policy: RedrivePolicy, owner: UUID, verdict: probes.Verdict) -> Done:
    """Record why no run began, and look again at the next time."""
    with transaction.atomic():
        _record(_held(policy, owner), verdict.green, verdict.why)
    return Done(policy, verdict.why)


def _start(
    policy: RedrivePolicy, owner: UUID, verdict: probes.Verdict, operation: Operation
) -> None:
    """Called in the transaction that has frozen the list. Raises LeaseLostError."""
    held = _held(policy, owner)
    letters = DeadLetter.objects.filter(pk__in=operation.items.values("letter"))
    errors = letters.order_by().values_list("error_type", flat=True).distinct()
    held.known_errors = sorted({*held.known_errors, *errors})
    operation.policy = policy
    operation.save(update_fields=["policy"])
    control.start(operation, by=policy.owner)
    number = operation.total
    took = f"{operation} took {number:,} letter{'' if number == 1 else 's'}."
    _record(held, verdict.green, f"{verdict.why} {took}")
    policy.said = held.said


def _held(policy: RedrivePolicy, owner: UUID) -> RedrivePolicy:
    """The policy as it is now, locked. Raises LeaseLostError."""
    mine = RedrivePolicy.objects.filter(
        pk=policy.pk, lease_owner=owner, state=RedrivePolicy.State.ACTIVE
    )
    held = mine.select_for_update(no_key=True).first()
    if held is None:
        raise LeaseLostError(LeaseLostError.__doc__)
    return held


def _record(held: RedrivePolicy, green: bool, said: str) -> None:
    now = timezone.now()
    held.looked_at, held.green, held.said = now, green, said[:300]
    held.next_run_at = now + timedelta(minutes=held.every)
    held.leased_until = held.lease_owner = None
    held.save()  # it is locked, so nothing newer is lost
