"""Start, pause, resume, stop and end a redrive policy, by compare-and-set and with a trail."""

from django.db import transaction
from django.utils import timezone

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import POLICY_STOPPED
from dlq_review.errors import ReviewError
from dlq_review.models import RedrivePolicy
from dlq_review.operations import control

S = RedrivePolicy.State
_LIVES = (S.DRAFT, S.ACTIVE, S.PAUSED, S.STOPPED)


class OverError(ReviewError):
    """Its last day has passed, so it cannot begin a run. Make a new policy."""


def start(policy: RedrivePolicy, *, by: str) -> None:
    """Let it run. Its first run begins as soon as the probe is green."""
    _go(policy, (S.DRAFT,), by)


def resume(policy: RedrivePolicy, *, by: str) -> None:
    """Go on in the name of *by*. Runs until now do not stop it again: they have been seen."""
    _go(policy, (S.PAUSED, S.STOPPED), by)


def pause(policy: RedrivePolicy, *, by: str) -> None:
    """Begin no further run. A run that has begun goes on."""
    _steer(policy, (S.ACTIVE,), S.PAUSED, by)


def end(policy: RedrivePolicy, *, by: str) -> None:
    """Begin no further run, for good. A run that has begun goes on."""
    _steer(policy, _LIVES, S.ENDED, by, ended_at=timezone.now())


def expire(policy: RedrivePolicy) -> None:
    why = "Its last day has passed."
    _steer(policy, _LIVES, S.ENDED, "", halted=why, ended_at=timezone.now())


@transaction.atomic
def stop(policy: RedrivePolicy, why: str) -> None:
    """Stop it until somebody has looked, and tell staff."""
    _steer(policy, (S.ACTIVE,), S.STOPPED, "", halted=why[:300])
    path = f"/admin/dlq_review/redrivepolicy/{policy.pk}/change/"
    sentence = f"Redrive policy {policy.pk} has stopped. {why}"
    raising.begin(POLICY_STOPPED, str(policy.pk), sentence, path)


def _go(policy: RedrivePolicy, allowed: tuple[str, ...], by: str) -> None:
    if policy.is_over:
        raise OverError(OverError.__doc__)
    now = timezone.now()
    changes = {"owner": by, "counted_from": now, "next_run_at": now}
    # Whoever began a run in the name of the owner before begins it no more.
    lease = {"leased_until": None, "lease_owner": None}
    _steer(policy, allowed, S.ACTIVE, by, halted="", **changes, **lease)


@transaction.atomic
def _steer(
    policy: RedrivePolicy, allowed: tuple[str, ...], to: str, by: str, **changes: object
) -> None:
    before = policy.state
    control.steer(policy, allowed, to, by, **changes)
    if before == S.STOPPED:  # somebody has looked
        raising.end(POLICY_STOPPED, [str(policy.pk)])
