"""Keep failure groups and their counters, in the transaction that changes a dead letter."""

from datetime import datetime
from typing import Any

from django.db.models import F
from django.db.models.functions import Greatest

from dlq_review.alerts import alert
from dlq_review.failures import Failure
from dlq_review.models import DeadLetter, FailureCount, FailureGroup

_State = DeadLetter.State
_COUNTER = {
    _State.OPEN: "waiting",
    _State.QUARANTINED: "waiting",
    _State.CLAIMED: "waiting",
    _State.REDRIVEN: "redriven",
    _State.RESOLVED: "settled",
    _State.DISCARDED: "settled",
}


def group_of(failure: Failure) -> FailureGroup:
    """The group *failure* belongs to, made on its first appearance."""
    group, new = FailureGroup.objects.get_or_create(
        fingerprint=failure.fingerprint,
        defaults={
            "queue": failure.queue,
            "type": failure.type,
            "error_type": failure.error_type[:200],
            "place": failure.place[:200],
            "template": failure.template,
            "release": failure.release,
            "first_seen": failure.failed_at,
            "last_seen": failure.failed_at,
        },
    )
    if new:
        alert("new_failure", _told(group, "A new kind of failure"), _path(group))
    return group


def _told(group: FailureGroup, what: str) -> str:
    return (
        f"{what}: {group.error_type} in {group.type or 'a message'} on {group.queue}."
    )


def _path(group: FailureGroup) -> str:
    return f"/admin/dlq_review/failuregroup/{group.pk}/change/"


def count_arrival(group_id: int, failure: Failure) -> None:
    """One more arrival: in its hour, and as the last one seen. A resolved group regresses."""
    FailureGroup.objects.filter(pk=group_id).update(
        last_seen=Greatest(F("last_seen"), failure.failed_at), release=failure.release
    )
    regressed = FailureGroup.objects.filter(
        pk=group_id, state=FailureGroup.State.RESOLVED
    ).update(state=FailureGroup.State.REGRESSED)
    if regressed:
        group = FailureGroup.objects.get(pk=group_id)
        alert("regression", _told(group, "A failure came back"), _path(group))
    count, _ = FailureCount.objects.get_or_create(
        group_id=group_id, hour=_hour(failure.failed_at)
    )
    FailureCount.objects.filter(pk=count.pk).update(arrivals=F("arrivals") + 1)


def count_move(
    before: tuple[int, str] | None, after: tuple[int, str], at: datetime
) -> None:
    """A letter went from one (group id, state) to another; None where it is new."""
    changes: dict[int, dict[str, int]] = {}
    for place, step in ((before, -1), (after, 1)):
        if place is not None:
            group_id, state = place
            counter = _COUNTER[_State(state)]
            counters = changes.setdefault(group_id, {})
            counters[counter] = counters.get(counter, 0) + step
    # Always in the order of their keys: two transactions never wait for each other.
    for group_id, counters in sorted(changes.items()):
        _apply(group_id, counters, redriven_at=at)


def _apply(group_id: int, counters: dict[str, int], redriven_at: datetime) -> None:
    changed: dict[str, Any] = {
        name: F(name) + step for name, step in counters.items() if step
    }
    if counters.get("redriven", 0) > 0:
        changed["last_redriven_at"] = redriven_at
    if not changed:
        return
    groups = FailureGroup.objects.filter(pk=group_id)
    groups.update(**changed)
    if counters.get("waiting", 0) + counters.get("redriven", 0) < 0:
        groups.filter(waiting__lte=0, redriven__lte=0).update(
            state=FailureGroup.State.RESOLVED
        )


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
