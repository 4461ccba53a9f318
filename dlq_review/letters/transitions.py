"""The states of a dead letter, the allowed moves, and everything that changes with a move.

Every move is one compare-and-set on the caller's copy of the letter. The group's
counters, the receipt's mark and the audit trail change in the same transaction. Many
letters move by as many statements as one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from dlq_review.errors import ChangedMeanwhileError, ReviewError, WrongStateError
from dlq_review.groups import counters
from dlq_review.letters import trail
from dlq_review.letters.sets import column
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


@dataclass(frozen=True, slots=True)
class Move:
    """The move of one letter, with the letter as its caller saw it."""

    letter: DeadLetter
    to: str
    verb: AuditEntry.Verb
    by: str = ""
    reason: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the letter that change with its state."""
    before: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", self.letter.state)

    def values(self, now: datetime) -> dict[str, Any]:
        """The fields of the letter after the move."""
        settled_at = now if self.to in DeadLetter.SETTLED else None
        kept = {"send_after": None, **self.changes}
        return {**kept, "settled_at": settled_at, "state": self.to}


def lock(*requests: str) -> dict[int, DeadLetter]:
    """The letters of *requests* as they are now, locked in the order of their keys.

    Letters of a request share a tombstone and a receipt's mark, so a change of one locks
    them all.
    """
    letters = DeadLetter.objects.filter(request_id__in=set(requests)).order_by("pk")
    return {one.pk: one for one in letters.select_for_update(no_key=True)}


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
    (refused,) = move_all([Move(letter, to, verb, by, reason, changes)])
    if refused is not None:
        raise refused


@transaction.atomic
def move_all(moves: Sequence[Move]) -> list[ReviewError | None]:
    """Make *moves* in one transaction, by a few statements for all.

    Returns an error or None for each, in order. A move that is refused changes nothing and
    stops no other.
    """
    current = lock(*(one.letter.request_id for one in moves))
    taken: set[int] = set()
    refused = [_refusal(one, current, taken) for one in moves]
    going = [one for one, error in zip(moves, refused, strict=True) if error is None]
    if not going:
        return refused
    now = timezone.now()
    _update(going, now)
    counters.count_moves([_counted(one, current[one.letter.pk]) for one in going], now)
    # Letters that wait before and after look the same to a receipt.
    told = [one for one in going if not {one.before, one.to} <= set(DeadLetter.WAITING)]
    if told:
        tell_receipts(list(dict.fromkeys(one.letter.request_id for one in told)))
    _write_trail(going)
    for one in going:
        # A merge or split meanwhile changes only the group that counts the letter.
        for name in ("group_id", "origin_id"):
            setattr(one.letter, name, getattr(current[one.letter.pk], name))
        for name, value in one.values(now).items():
            setattr(one.letter, name, value)
    return refused


def _refusal(
    one: Move, current: Mapping[int, DeadLetter], taken: set[int]
) -> ReviewError | None:
    """Why the move may not be made; None if it may, and then the letter is *taken*."""
    letter = one.letter
    if one.to not in ALLOWED[one.before]:
        return WrongStateError(
            f"{letter} is {letter.get_state_display().lower()}, so it cannot become "
            f"{S(one.to).label.lower()}."
        )
    if letter.pk in taken or not unchanged(letter, current):
        return ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    taken.add(letter.pk)
    return None


def unchanged(letter: DeadLetter, current: Mapping[int, DeadLetter]) -> bool:
    """Whether *letter*, as its caller saw it, is as it stands in *current*, which is locked."""
    now = current.get(letter.pk)
    return (
        now is not None
        and _seen(now) == _seen(letter)
        and counters.own_group(now) == counters.own_group(letter)
    )


def _update(going: Sequence[Move], now: datetime) -> None:
    """One statement for all moves that change the same fields."""
    alike: dict[tuple[str, ...], list[Move]] = defaultdict(list)
    for one in going:
        alike[tuple(sorted(one.values(now)))].append(one)
    for names, some in alike.items():
        values = {one.letter.pk: one.values(now) for one in some}
        columns = {
            name: column(
                DeadLetter, name, {pk: new[name] for pk, new in values.items()}
            )
            for name in names
        }
        before = {one.before for one in some}
        seen = DeadLetter.objects.filter(pk__in=values, state__in=before)
        if seen.update(**columns) != len(values):
            raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)


def _counted(one: Move, current: DeadLetter) -> counters.Moved:
    return counters.Moved(
        before=(current.group_id, one.before),
        after=(one.changes.get("group_id", current.group_id), one.to),
        came_back=one.verb in _CAME_BACK,
    )


def _write_trail(going: Iterable[Move]) -> None:
    trail.write(
        AuditEntry(
            letter_id=one.letter.pk,
            actor=one.by,
            verb=one.verb,
            reason=one.reason,
            before=one.before,
            after=one.to,
        )
        for one in going
    )


def check_editable(letter: DeadLetter, done: str) -> None:
    """Raises WrongStateError unless *letter* waits for staff, so that it can be *done*."""
    if letter.state not in DeadLetter.EDITABLE:
        raise WrongStateError(
            f"{letter} is {letter.get_state_display().lower()}; "
            f"only open or quarantined dead letters can be {done}."
        )


def _seen(letter: DeadLetter) -> tuple[Any, ...]:
    """The fields that a move compares with its caller's copy of *letter*.

    `redrive_id` and `send_after` are among them, so that a stale claim never overwrites a
    newer one.
    """
    names = ("state", "revision", "redrive_id", "send_after", "purged_at")
    return tuple(getattr(letter, name) for name in names)


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
