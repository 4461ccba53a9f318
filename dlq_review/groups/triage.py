"""Triage of a failure group: acknowledge, resolve, annotate.

Nobody overwrites an entry that they have not seen. A page carries the number of the newest
entry in the audit trail of the group. If a person has added a newer entry since, the verb is
refused. The number is read under the lock of the group's row, so entries of one group are
numbered in the order of their commits.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Max

from dlq_review.errors import ReviewError
from dlq_review.models import AuditEntry, FailureGroup
from processing.events.masking import mask

_State = FailureGroup.State
_NOTED = AuditEntry.Verb.NOTED


class SomebodyElsesError(ReviewError):
    """Somebody changed this group in the meantime."""

    def __init__(self, last: AuditEntry) -> None:
        did = f"{last.get_verb_display()}{': ' if last.after else ''}{last.after}"
        super().__init__(
            f"This group was changed by {last.actor} in the meantime ({did}). Look at it "
            "again, then decide."
        )


class StillWaitingError(ReviewError):
    """Dead letters of this group still wait. Redrive, resolve or discard them first."""


class TakenError(ReviewError):
    """Somebody else has this group."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"{owner} has this group. Take it over with a word to them.")


class MergedError(ReviewError):
    """This group was merged into another, which has its letters. Decide there who has it."""


def newest_entry(group: FailureGroup, by: str | None = None) -> int:
    """The number of the group's newest audit entry, of anybody or *by* one; 0 for none."""
    entries = group.audit.all() if by is None else group.audit.filter(actor=by)
    found: int | None = entries.aggregate(newest=Max("pk"))["newest"]
    return found or 0


def newest_entries(groups: Iterable[FailureGroup]) -> dict[int, int]:
    """`newest_entry` of each of *groups*, by its key, where it has any."""
    entries = AuditEntry.objects.filter(group__in=[group.pk for group in groups])
    found = entries.order_by().values_list("group").annotate(newest=Max("pk"))
    return dict(found)


def check_seen(group: FailureGroup, seen: int | None) -> None:
    """Raises SomebodyElsesError if a person changed *group* after the entry *seen*.

    Call it under the lock of its row. With None it checks nothing.
    """
    if seen is None:
        return
    since = group.audit.exclude(actor="").filter(pk__gt=seen)
    if (last := since.order_by("pk").last()) is not None:
        raise SomebodyElsesError(last)


def check_stands(group: FailureGroup) -> None:
    """Raises MergedError if another group stands for *group*, whose row is locked."""
    if group.merged_into_id is not None:
        raise MergedError(MergedError.__doc__)


@transaction.atomic
def acknowledge(group: FailureGroup, *, by: str, seen: int | None = None) -> None:
    """Make *by* the owner of *group*, which stays resolved if it is.

    Raises SomebodyElsesError, MergedError, TakenError.
    """
    group = locked(group, seen)
    check_stands(group)
    if group.owner not in ("", by):
        raise TakenError(group.owner)
    before, former = group.state, group.owner
    group.state, group.owner = state_when_owned(group), by
    group.save(update_fields=["state", "owner"])
    if group.state == _State.RESOLVED:  # only the owner is new
        verb = AuditEntry.Verb.TAKEN_OVER
        AuditEntry.note(group, verb, by=by, before=former, after=by)
    else:
        AuditEntry.note(group, _NOTED, by=by, before=before, after=group.state)


def state_when_owned(group: FailureGroup) -> str:
    """The state once somebody has *group*: resolved stays, so the next failure regresses."""
    resolved = group.state == _State.RESOLVED
    return _State.RESOLVED if resolved else _State.ACKNOWLEDGED


@transaction.atomic
def resolve_group(group: FailureGroup, *, by: str, seen: int | None = None) -> None:
    """Resolve *group*; its next failure makes it regressed.

    Raises StillWaitingError, SomebodyElsesError.
    """
    group = locked(group, seen)
    if group.waiting > 0:
        raise StillWaitingError(StillWaitingError.__doc__)
    before, group.state = group.state, _State.RESOLVED
    group.save(update_fields=["state"])
    AuditEntry.note(group, _NOTED, by=by, before=before, after=group.state)


@transaction.atomic
def annotate(
    group: FailureGroup, note: str, *, by: str, seen: int | None = None
) -> None:
    """Replace the note, with addresses masked; the trail keeps the earlier note.

    Raises SomebodyElsesError.
    """
    group = locked(group, seen)
    before, group.note = group.note, mask(note)
    group.save(update_fields=["note"])
    AuditEntry.note(group, _NOTED, by=by, reason=f"Note was: {before or 'empty'}")


def locked(group: FailureGroup, seen: int | None) -> FailureGroup:
    """The row of *group*, locked. Raises SomebodyElsesError as `check_seen` does."""
    found = FailureGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    check_seen(found, seen)
    return found
