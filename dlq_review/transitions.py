"""The states of a dead letter: which move is allowed, and what must move with it.

Every move is one compare-and-set on the state and revision that its caller has seen. The
group's counters, the receipt's mark and the audit trail change in the same transaction.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from dlq_review import grouping
from dlq_review.models import AuditEntry, DeadLetter
from processing.models import UnderReview

S = DeadLetter.State
ALLOWED: dict[str, frozenset[str]] = {
    S.OPEN: frozenset({S.OPEN, S.QUARANTINED, S.CLAIMED, S.RESOLVED, S.DISCARDED}),
    S.QUARANTINED: frozenset(
        {S.OPEN, S.QUARANTINED, S.CLAIMED, S.RESOLVED, S.DISCARDED}
    ),
    S.CLAIMED: frozenset({S.OPEN, S.QUARANTINED, S.REDRIVEN, S.RESOLVED}),
    S.REDRIVEN: frozenset({S.OPEN, S.QUARANTINED, S.RESOLVED}),
    S.RESOLVED: frozenset({S.OPEN, S.QUARANTINED}),
    S.DISCARDED: frozenset({S.OPEN, S.QUARANTINED}),
}


class ReviewError(Exception):
    """A step that cannot be taken; its text is for the person who asked."""


class WrongStateError(ReviewError):
    """The dead letter is in a state that does not allow this."""


class ChangedMeanwhileError(ReviewError):
    """Somebody changed this dead letter in the meantime. Look at it again, then decide."""


@transaction.atomic
def move(
    letter: DeadLetter,
    to: str,
    verb: AuditEntry.Verb,
    *,
    by: str = "",
    reason: str = "",
    **changes: Any,
) -> None:
    """Move *letter* as its caller saw it. Raises WrongStateError, ChangedMeanwhileError."""
    before = letter.state
    if to not in ALLOWED[before]:
        raise WrongStateError(
            f"{letter} is {letter.get_state_display().lower()}, so it cannot become "
            f"{S(to).label.lower()}."
        )
    seen = (letter.group_id, before)
    changes = {"send_after": None, **changes}
    changes["settled_at"] = timezone.now() if to in DeadLetter.SETTLED else None
    # The redrive id and its time too: a claim that was lost and won by another, or undone
    # and made again, is another claim.
    updated = DeadLetter.objects.filter(
        pk=letter.pk,
        state=before,
        revision=letter.revision,
        redrive_id=letter.redrive_id,
        send_after=letter.send_after,
    ).update(state=to, **changes)
    if not updated:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    for name, value in (*changes.items(), ("state", to)):
        setattr(letter, name, value)
    grouping.count_move(seen, (letter.group_id, to), timezone.now())
    tell_receipts(letter.request_id)
    note(letter, verb, by=by, reason=reason, before=before, after=to)


def note(
    letter: DeadLetter,
    verb: AuditEntry.Verb,
    *,
    by: str = "",
    reason: str = "",
    before: str = "",
    after: str = "",
) -> None:
    AuditEntry.objects.create(
        letter=letter, actor=by, verb=verb, reason=reason, before=before, after=after
    )


def tell_receipts(request_id: str) -> None:
    """Mark the request while any of its letters waits for somebody, or for its outcome."""
    unsettled = dict(
        DeadLetter.objects.filter(request_id=request_id)
        .exclude(state__in=DeadLetter.SETTLED)
        .values_list("state", "redriven_at")
    )
    if unsettled:
        redriven_at = (
            unsettled[S.REDRIVEN] if unsettled.keys() == {S.REDRIVEN} else None
        )
        UnderReview.objects.update_or_create(
            request_id=request_id, defaults={"sent_again_at": redriven_at}
        )
    else:
        UnderReview.objects.filter(request_id=request_id).delete()
