"""Merge failure groups that have the same cause, and split them again.

New failures of a merged group are added to the group it was merged into. Each letter keeps
the group of its own fingerprint (`origin`), so a split is exact.

Locks are taken in the order of pull/new_letters.py: letters, then groups, by their keys. The
counters change by exactly the letters that were moved. A letter that arrives during a merge
counts in the group where it arrived; `gather` moves it and its count later.
"""

from collections import Counter, defaultdict
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from dlq_review.errors import ChangedMeanwhileError, ReviewError
from dlq_review.groups.counters import COUNTER, find_oldest
from dlq_review.groups.triage import check_seen
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup

_State = FailureGroup.State
_Moved = dict[int, Counter[str]]
STEP = 500  # letters brought over by one statement


class NotMergeableError(ReviewError):
    """Choose another group that stands for itself: neither this one, nor one that was merged."""


class NotMergedError(ReviewError):
    """This group stands for itself already."""


@transaction.atomic
def merge(
    group: FailureGroup,
    into: FailureGroup,
    *,
    by: str,
    reason: str,
    seen: int | None = None,
) -> None:
    """Let *into* stand for *group* too, from now on.

    Raises NotMergeableError, SomebodyElsesError, or ChangedMeanwhileError where another was
    merged meanwhile.
    """
    if group.pk == into.pk:
        raise NotMergeableError(NotMergeableError.__doc__)
    moved = _bring(DeadLetter.objects.filter(group=group), into.pk, _AS_BEFORE)
    locked = _lock(Q(pk__in=(group.pk, into.pk)) | Q(merged_into=group.pk))
    group, into = locked[group.pk], locked[into.pk]
    if group.merged_into_id is not None or into.merged_into_id is not None:
        raise NotMergeableError(NotMergeableError.__doc__)
    check_seen(group, seen)
    if group.members.exclude(pk__in=locked).exists():  # merged before we had the lock
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    group.members.update(merged_into=into)
    group.merged_into = into
    _count(locked, moved, into)
    into.first_seen = min(into.first_seen, group.first_seen)
    into.last_seen = max(into.last_seen, group.last_seen)
    _save(group, into)
    _note(group, AuditEntry.Verb.MERGED, by, reason, f"into {_name(into)}")
    _note(into, AuditEntry.Verb.MERGED, by, reason, _name(group))


@transaction.atomic
def split(
    group: FailureGroup, *, by: str, reason: str, seen: int | None = None
) -> None:
    """Split *group* off from the group it was merged into.

    Raises NotMergedError, SomebodyElsesError, or ChangedMeanwhileError if it was merged
    elsewhere meanwhile.
    """
    if group.merged_into_id is None:
        raise NotMergedError(NotMergedError.__doc__)
    moved = _bring(DeadLetter.objects.filter(origin=group), group.pk, None)
    locked = _lock(Q(pk__in=(*moved, group.pk, group.merged_into_id)))
    into, group = locked[group.merged_into_id], locked[group.pk]
    if group.merged_into_id is None:
        raise NotMergedError(NotMergedError.__doc__)
    if group.merged_into_id != into.pk:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    check_seen(group, seen)
    _count(locked, moved, group)
    group.merged_into = None
    found = DeadLetter.objects.filter(group=group).aggregate(at=Max("last_failed_at"))
    group.last_seen = found["at"] or group.last_seen
    _save(*locked.values())
    _note(group, AuditEntry.Verb.SPLIT, by, reason, f"from {_name(into)}")
    _note(into, AuditEntry.Verb.SPLIT, by, reason, _name(group))


def _note(
    group: FailureGroup, verb: AuditEntry.Verb, by: str, reason: str, other: str
) -> None:
    AuditEntry.note(group, verb, by=by, reason=reason, after=other)


def _name(group: FailureGroup) -> str:
    """For the trail, which outlives the texts of the group."""
    return f"{group.error_type} #{group.pk}"


def with_strayed_letters() -> QuerySet[FailureGroup, tuple[int, int]]:
    """The groups whose letters `gather` moves, each with the group that stands for it."""
    left = DeadLetter.objects.filter(group=OuterRef("pk"), origin=None)
    here = Q(group__lt=OuterRef("stands")) | Q(group__gt=OuterRef("stands"))
    strayed = DeadLetter.objects.filter(here, origin=OuterRef("pk"))
    groups = FailureGroup.objects.annotate(stands=Coalesce("merged_into_id", "pk"))
    found = groups.filter(
        Q(Exists(left), merged_into__isnull=False) | Q(Exists(strayed))
    )
    return found.order_by("pk").values_list("pk", "stands")


def gather() -> int:
    """Move letters that arrived during a merge or split to the group where they belong.

    Returns how many groups had such letters.
    """
    groups = list(with_strayed_letters())
    for group, stands in groups:
        _gather(group, stands)
    return len(groups)


@transaction.atomic
def _gather(group: int, stands: int) -> None:
    strayed = Q(origin=group) & ~Q(group=stands)
    left = Q(group=group, origin=None) if group != stands else Q(pk=None)
    origin = group if group != stands else None
    moved = _bring(DeadLetter.objects.filter(strayed | left), stands, origin)
    locked = _lock(Q(pk__in=(*moved, group, stands)))
    if (locked[group].merged_into_id or group) != stands:
        transaction.set_rollback(True)  # merged or split just now; the next run looks
        return
    _count(locked, moved, locked[stands])
    _save(*locked.values())


_AS_BEFORE = Coalesce("origin", F("group"))


def _bring(letters: QuerySet[DeadLetter], to: int, origin: Any) -> _Moved:
    """Move *letters* to the group *to*; return how many left each group, by counter."""
    moved: _Moved = defaultdict(Counter)
    last = 0
    while step := list(
        letters.filter(pk__gt=last)
        .select_for_update(no_key=True)
        .order_by("pk")
        .values_list("pk", "group_id", "state")[:STEP]
    ):
        last = step[-1][0]
        for _, group, state in step:
            moved[group][COUNTER[DeadLetter.State(state)]] += 1
        # By their keys, so that a letter that arrives in between is not counted.
        numbers = [number for number, *_ in step]
        DeadLetter.objects.filter(pk__in=numbers).update(group=to, origin=origin)
    return moved


def _lock(which: Q) -> dict[int, FailureGroup]:
    locked = FailureGroup.objects.select_for_update(no_key=True).filter(which)
    return {group.pk: group for group in locked.order_by("pk")}


def _count(locked: dict[int, FailureGroup], moved: _Moved, to: FailureGroup) -> None:
    for number, counters in moved.items():
        for name, count in counters.items():
            group = locked[number]
            setattr(group, name, getattr(group, name) - count)
            setattr(to, name, getattr(to, name) + count)


def _save(*groups: FailureGroup) -> None:
    for group in groups:
        open_or_close(group)
        group.save()
    find_oldest([group.pk for group in groups])


def open_or_close(group: FailureGroup) -> None:
    """Reopen *group* if letters wait in it or are on their way; resolve it if none is left."""
    if group.waiting <= 0 and group.redriven <= 0:
        group.state = _State.RESOLVED
    elif group.state == _State.RESOLVED:
        group.state = _State.OPEN
