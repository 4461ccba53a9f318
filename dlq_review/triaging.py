"""What people say about a failure group: whose it is, what is known, whether it is over."""

from django.db import transaction

from dlq_review.models import AuditEntry, FailureGroup
from dlq_review.transitions import ReviewError
from processing.personal import mask

_State = FailureGroup.State


class SomebodyElsesError(ReviewError):
    """Somebody else took this group in the meantime. Look at it again."""


class StillWaitingError(ReviewError):
    """Dead letters of this group still wait. Redrive, resolve or discard them first."""


@transaction.atomic
def acknowledge(group: FailureGroup, *, by: str) -> None:
    """Take *group*, so that others see it is being looked at."""
    changed = FailureGroup.objects.filter(
        pk=group.pk, state=group.state, owner=group.owner
    ).update(state=_State.ACKNOWLEDGED, owner=by)
    if not changed:
        raise SomebodyElsesError(SomebodyElsesError.__doc__)
    _note(group, by, before=group.state, after=_State.ACKNOWLEDGED)


@transaction.atomic
def resolve_group(group: FailureGroup, *, by: str) -> None:
    """Call *group* repaired; the next failure makes it regressed. Raises StillWaitingError."""
    changed = FailureGroup.objects.filter(pk=group.pk, waiting__lte=0).update(
        state=_State.RESOLVED
    )
    if not changed:
        raise StillWaitingError(StillWaitingError.__doc__)
    _note(group, by, before=group.state, after=_State.RESOLVED)


@transaction.atomic
def annotate(group: FailureGroup, note: str, *, by: str) -> None:
    """Replace the note; the trail keeps the earlier one. Of an address little is kept."""
    FailureGroup.objects.filter(pk=group.pk).update(note=mask(note))
    _note(group, by, reason=f"Note was: {group.note or 'empty'}")


def _note(
    group: FailureGroup, by: str, reason: str = "", before: str = "", after: str = ""
) -> None:
    AuditEntry.objects.create(
        group=group,
        actor=by,
        verb=AuditEntry.Verb.NOTED,
        reason=reason,
        before=before,
        after=after,
    )
