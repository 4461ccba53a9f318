"""The states of a dead letter: which move is allowed, and what must move with it.

Every move is one compare-and-set on the state and revision that its caller has seen. The
group's counters, the receipt's mark and the audit trail change in the same transaction.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
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
    if not {before, to} <= set(DeadLetter.WAITING):  # which read the same
        tell_receipts([letter.request_id])
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


def tell_receipts(requests: Sequence[str]) -> None:
    """Mark each request while any of its letters waits for somebody, or for its outcome."""
    unsettled: dict[str, dict[str, datetime | None]] = defaultdict(dict)
    letters = DeadLetter.objects.filter(request_id__in=requests).exclude(
        state__in=DeadLetter.SETTLED
    )
    for request, state, at in letters.values_list("request_id", "state", "redriven_at"):
        unsettled[request][state] = at
    UnderReview.objects.bulk_create(
        [
            UnderReview(
                request_id=request,
                sent_again_at=found[S.REDRIVEN]
                if found.keys() == {S.REDRIVEN}
                else None,
            )
            for request, found in sorted(unsettled.items())
        ],
        update_conflicts=True,
        unique_fields=["request_id"],
        update_fields=["sent_again_at"],
    )
    if settled := set(requests) - unsettled.keys():
        UnderReview.objects.filter(request_id__in=settled).delete()
