"""The states of a dead letter, the allowed moves, and everything that changes with a move.

Every move is one compare-and-set on the caller's copy of the letter. The group's
counters, the receipt's mark and the audit trail change in the same transaction.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from dlq_review.errors import ChangedMeanwhileError, WrongStateError
from dlq_review.groups import counters
from dlq_review.models import AuditEntry, DeadLetter
from processing.events.masking import mask
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


_CAME_BACK = (AuditEntry.Verb.FAILED_AGAIN, AuditEntry.Verb.REGRESSED)


def lock(request_id: str) -> dict[int, DeadLetter]:
    """The letters of one request as they are now, locked in the order of their keys.

    They share a tombstone and a receipt's mark, so a change of one locks them all.
    """
    letters = DeadLetter.objects.filter(request_id=request_id).order_by("pk")
    return {one.pk: one for one in letters.select_for_update(no_key=True)}


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
    _check_allowed(letter, to)
    current = lock(letter.request_id)[letter.pk]
    settled_at = timezone.now() if to in DeadLetter.SETTLED else None
    changes = {"send_after": None, **changes, "settled_at": settled_at, "state": to}
    _compare_and_set(letter, current, changes)
    counters.count_move(
        (current.group_id, before),
        (letter.group_id, to),
        timezone.now(),
        came_back=verb in _CAME_BACK,
    )
    if not {before, to} <= set(DeadLetter.WAITING):  # which read the same
        tell_receipts([letter.request_id])
    note(letter, verb, by=by, reason=reason, before=before, after=to)


def _check_allowed(letter: DeadLetter, to: str) -> None:
    if to not in ALLOWED[letter.state]:
        raise WrongStateError(
            f"{letter} is {letter.get_state_display().lower()}, so it cannot become "
            f"{S(to).label.lower()}."
        )


def _compare_and_set(
    letter: DeadLetter, current: DeadLetter, changes: dict[str, Any]
) -> None:
    """Change *letter*, if its row is as its caller saw it. *current* is the locked row.

    Raises ChangedMeanwhileError.
    """
    # A merge or split meanwhile changes only the group that counts the letter.
    group = {"group_id": current.group_id, "origin_id": current.origin_id}
    changes = {**group, **changes}
    same_group = counters.own_group(current) == counters.own_group(letter)
    seen = DeadLetter.objects.filter(pk=letter.pk, **_seen(letter))
    if not seen.update(**changes) or not same_group:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    for name, value in changes.items():
        setattr(letter, name, value)


def check_editable(letter: DeadLetter, done: str) -> None:
    """Raises WrongStateError unless *letter* waits for staff, so that it can be *done*."""
    if letter.state not in DeadLetter.EDITABLE:
        raise WrongStateError(
            f"{letter} is {letter.get_state_display().lower()}; "
            f"only open or quarantined dead letters can be {done}."
        )


def _seen(letter: DeadLetter) -> dict[str, Any]:
    """The conditions of the compare-and-set on *letter*.

    Compare `redrive_id` and `send_after` too, so that a stale claim never overwrites a
    newer one.
    """
    names = ("state", "revision", "redrive_id", "send_after", "purged_at")
    return {name: getattr(letter, name) for name in names}


def note(letter: DeadLetter, verb: AuditEntry.Verb, **more: str) -> None:
    """`AuditEntry.note` for a letter."""
    AuditEntry.note(letter, verb, **more)


def note_reveal(by: str, where: str, letter: DeadLetter | None = None) -> None:
    """Record in the trail that *by* saw personal data: of which letter, and where."""
    reason = mask(where)[:500]
    AuditEntry.note(letter, AuditEntry.Verb.REVEALED, by=by, reason=reason)


def tell_receipts(requests: Sequence[str]) -> None:
    """Mark each request while any of its letters waits for somebody, or for its outcome."""
    # Lock the marks before the letters are read. Otherwise two transactions that change
    # letters of one request would each read the other's letter as it was before.
    list(
        UnderReview.objects.select_for_update()
        .filter(request_id__in=requests)
        .order_by("request_id")
    )
    marks = _marks(requests)
    UnderReview.objects.bulk_create(
        marks,
        update_conflicts=True,
        unique_fields=["request_id"],
        update_fields=["sent_again_at"],
    )
    if settled := set(requests) - {mark.request_id for mark in marks}:
        UnderReview.objects.filter(request_id__in=settled).delete()


def _marks(requests: Sequence[str]) -> list[UnderReview]:
    """A mark for each request that has an unsettled letter, in the order of their locks."""
    unsettled: dict[str, dict[str, datetime | None]] = defaultdict(dict)
    letters = DeadLetter.objects.filter(request_id__in=requests).exclude(
        state__in=DeadLetter.SETTLED
    )
    names = ("request_id", "state", "redriven_at")
    for request, state, at in letters.order_by("redriven_at").values_list(*names):
        unsettled[request][state] = at
    return [
        UnderReview(
            request_id=request,
            sent_again_at=found[S.REDRIVEN] if found.keys() == {S.REDRIVEN} else None,
        )
        for request, found in sorted(unsettled.items())
    ]
