"""Merge failure groups that are one failure, and split them again.

It is sticky: what fails like a merged group later stands in the one it was merged into. Each
letter remembers the group of its own fingerprint, so a split is exact.

Locks are taken in the order of beginning.py: letters, then groups by their keys. A letter that
was on its way meanwhile may still count in the merged group; `gather` brings it over.
"""

from collections import Counter

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Coalesce

from dlq_review.grouping import COUNTER
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup
from dlq_review.transitions import ReviewError

_State = FailureGroup.State
_COUNTERS = ("waiting", "redriven", "settled")


class NotMergeableError(ReviewError):
    """Choose another group that stands for itself: neither this one, nor one that was merged."""


class NotMergedError(ReviewError):
    """This group stands for itself already."""


@transaction.atomic
def merge(group: FailureGroup, into: FailureGroup, *, by: str, reason: str) -> None:
    """Let *into* stand for *group* too, from now on. Raises NotMergeableError."""
    if group.pk == into.pk:
        raise NotMergeableError(NotMergeableError.__doc__)
    _bring_over(group.pk, into.pk)
    locked = _lock(group.pk, into.pk)
    group, into = locked[group.pk], locked[into.pk]
    if group.merged_into_id is not None or into.merged_into_id is not None:
        raise NotMergeableError(NotMergeableError.__doc__)
    group.members.update(merged_into=into)
    group.merged_into = into
    _hand_over(group, into)
    for one, other in (
        (group, f"into {into} #{into.pk}"),
        (into, f"{group} #{group.pk}"),
    ):
        _note(one, AuditEntry.Verb.MERGED, by, reason, after=other)


@transaction.atomic
def split(group: FailureGroup, *, by: str, reason: str) -> None:
    """Let *group*, which was merged, stand for itself again. Raises NotMergedError."""
    if group.merged_into_id is None:
        raise NotMergedError(NotMergedError.__doc__)
    moved = _moved_back(group.pk)
    locked = _lock(group.pk, group.merged_into_id)
    into, group = locked[group.merged_into_id], locked[group.pk]
    if group.merged_into_id is None:
        raise NotMergedError(NotMergedError.__doc__)
    for name, number in moved.items():
        setattr(group, name, getattr(group, name) + number)
        setattr(into, name, getattr(into, name) - number)
    group.merged_into = None
    letters = DeadLetter.objects.filter(group=group)
    group.last_seen = (
        letters.aggregate(at=Max("last_failed_at"))["at"] or group.last_seen
    )
    for one in (group, into):
        _open_or_close(one)
        one.save()
    _note(group, AuditEntry.Verb.SPLIT, by, reason, after=f"from {into} #{into.pk}")
    _note(into, AuditEntry.Verb.SPLIT, by, reason, after=f"{group} #{group.pk}")


def gather() -> int:
    """Bring over what reached a merged group while it was being merged; return how many groups."""
    late = FailureGroup.objects.exclude(merged_into=None).exclude(
        waiting=0, redriven=0, settled=0
    )
    groups = list(late.order_by("pk"))
    for group in groups:
        _gather(group.pk, group.merged_into_id or group.pk)
    return len(groups)


@transaction.atomic
def _gather(group: int, into: int) -> None:
    _bring_over(group, into)
    locked = _lock(group, into)
    if locked[group].merged_into_id == into:  # not split off in the meantime
        _hand_over(locked[group], locked[into])


def _bring_over(group: int, into: int) -> None:
    letters = DeadLetter.objects.filter(group=group)
    letters.update(group=into, origin=Coalesce("origin", F("group")))


def _moved_back(group: int) -> Counter[str]:
    """Bring the letters of *group* back; return how they change its counters."""
    states = list(
        DeadLetter.objects.filter(origin=group)
        .select_for_update()
        .order_by("pk")
        .values_list("state", flat=True)
    )
    DeadLetter.objects.filter(origin=group).update(group=group, origin=None)
    return Counter(COUNTER[DeadLetter.State(state)] for state in states)


def _lock(*numbers: int) -> dict[int, FailureGroup]:
    locked = FailureGroup.objects.select_for_update().filter(pk__in=numbers)
    return {group.pk: group for group in locked.order_by("pk")}


def _hand_over(group: FailureGroup, into: FailureGroup) -> None:
    for name in _COUNTERS:
        setattr(into, name, getattr(into, name) + getattr(group, name))
        setattr(group, name, 0)
    into.first_seen = min(into.first_seen, group.first_seen)
    into.last_seen = max(into.last_seen, group.last_seen)
    _open_or_close(into)
    group.save()
    into.save()


def _open_or_close(group: FailureGroup) -> None:
    """A group that got letters cannot stay resolved; one that has none left is."""
    if group.waiting and group.state == _State.RESOLVED:
        group.state = _State.OPEN
    elif not group.waiting and not group.redriven:
        group.state = _State.RESOLVED


def _note(
    group: FailureGroup, verb: AuditEntry.Verb, by: str, reason: str, after: str
) -> None:
    AuditEntry.objects.create(
        group=group, actor=by, verb=verb, reason=reason, after=after[:200]
    )
