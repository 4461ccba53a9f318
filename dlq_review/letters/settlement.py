"""Settle a dead letter: processed after all, resolved by hand, discarded, restored."""

from collections.abc import Sequence
from time import monotonic

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from dlq_review.errors import (
    ChangedMeanwhileError,
    ReasonMissingError,
    ReviewError,
    WrongStateError,
)
from dlq_review.letters.sets import all_or_each
from dlq_review.letters.transitions import (
    Move,
    check_editable,
    lock,
    move,
    move_all,
    unchanged,
)
from dlq_review.models import AuditEntry, DeadLetter, Revision
from processing.models import Outcome

S = DeadLetter.State
_PROCESSED = Outcome.Kind.PROCESSED
SET = 100  # letters settled in one transaction
SECONDS = 20  # that one run of the job may take


class PurgedError(ReviewError):
    """Its body was removed after its retention, so there is nothing left to restore."""


def processed_meanwhile() -> QuerySet[DeadLetter]:
    """The letters that `reconcile` settles."""
    done = Outcome.processed(OuterRef("request_id"))
    same_body = done.filter(fingerprint=OuterRef("body_fingerprint"))
    return DeadLetter.objects.filter(
        Q(Exists(done), state=S.REDRIVEN)
        | Q(Exists(same_body), state__in=DeadLetter.EDITABLE)
    )


def reconcile() -> int:
    """Resolve letters whose request was processed meanwhile; return how many.

    A redriven letter whose request was processed with a body it never held is reopened:
    another request has used its id.
    """
    found = processed_meanwhile()
    settled, deadline = 0, monotonic() + SECONDS
    letters = list(found.order_by("pk")[:SET])
    while letters and monotonic() < deadline:
        settled += _settle(letters)
        letters = list(found.filter(pk__gt=letters[-1].pk).order_by("pk")[:SET])
    return settled


def _settle(letters: Sequence[DeadLetter]) -> int:
    requests = {letter.request_id for letter in letters}
    outcomes = Outcome.processed(*requests).values_list("request_id", "fingerprint")
    done = dict(outcomes)
    held = _held(letters)
    moves = [
        _processed(one)
        if (one.pk, done.get(one.request_id)) in held
        else _taken_by_another(one)
        for one in letters
    ]
    # Where another process was faster, the next run looks again.
    refused = all_or_each(moves, move_all, letter=lambda one: one.letter)
    return sum(
        error is None and one.to == S.RESOLVED
        for one, error in zip(moves, refused, strict=True)
    )


def _held(letters: Sequence[DeadLetter]) -> set[tuple[int, str]]:
    """The fingerprints of all revisions of *letters*."""
    revisions = Revision.objects.filter(letter__in=letters).order_by()
    return set(revisions.values_list("letter_id", "fingerprint"))


def _processed(letter: DeadLetter) -> Move:
    verb = AuditEntry.Verb.RESOLVED
    return Move(letter, S.RESOLVED, verb, reason="Processed.")


def _taken_by_another(letter: DeadLetter) -> Move:
    reason = "The request id was processed with another body."
    verb = AuditEntry.Verb.FAILED_AGAIN
    return Move(letter, letter.resting_state, verb, reason=reason)


def resolve(letter: DeadLetter, *, by: str, reason: str) -> None:
    """Settle *letter* by hand, because its request was fulfilled in another way."""
    _need(letter, reason, "resolved")
    move(letter, S.RESOLVED, AuditEntry.Verb.RESOLVED, by=by, reason=reason)


def discard(
    letter: DeadLetter, *, by: str, reason: str, message_for_sender: str = ""
) -> str:
    """Discard *letter* and leave a tombstone, so that a late copy does nothing.

    *message_for_sender* is for the sender: their receipt shows it. The reason is for staff alone.
    Returns its new state: RESOLVED where the request was processed in the meantime.
    """
    (refused,) = discard_all(
        [letter], by=by, reason=reason, message_for_sender=message_for_sender
    )
    if refused is not None:
        raise refused
    return letter.state


@transaction.atomic
def discard_all(
    letters: Sequence[DeadLetter], *, by: str, reason: str, message_for_sender: str = ""
) -> list[ReviewError | None]:
    """Discard *letters*, by a few statements for all; one error or None each, in order."""
    # A restore takes a tombstone away, so the letters of its request are locked.
    locked = lock(*(letter.request_id for letter in letters))
    refused = [_refusal(letter, reason, "discarded", locked) for letter in letters]
    going = [one for one, error in zip(letters, refused, strict=True) if error is None]
    outcomes = _bury(going, message_for_sender)
    done = [one for one in going if outcomes[one.request_id].kind == _PROCESSED]
    held = _held(done)
    moves = [
        _resolved(one, by)
        if (one.pk, outcomes[one.request_id].fingerprint) in held
        else _discarded(one, by, reason, message_for_sender)
        for one in going
    ]
    moved = iter(move_all(moves))
    return [error or next(moved) for error in refused]


def _bury(letters: Sequence[DeadLetter], message: str) -> dict[str, Outcome]:
    """Leave a tombstone for each request that has no outcome; the outcome of each."""
    tombstones = {
        letter.request_id: Outcome(
            request_id=letter.request_id,
            kind=Outcome.Kind.DISCARDED,
            type=letter.type,
            fingerprint=letter.body_fingerprint,
            correlation_id=letter.correlation_id or letter.request_id,
            made={Outcome.MESSAGE_FOR_SENDER: message} if message else {},
        )
        for letter in reversed(letters)  # of a request's letters the first one counts
    }
    # In one order everywhere, so transactions cannot deadlock.
    ordered = [tombstones[request] for request in sorted(tombstones)]
    Outcome.objects.bulk_create(ordered, ignore_conflicts=True)
    return Outcome.objects.in_bulk(list(tombstones))


def _resolved(letter: DeadLetter, by: str) -> Move:
    why = "Was processed in the meantime; not discarded."
    return Move(letter, S.RESOLVED, AuditEntry.Verb.RESOLVED, by, why)


def _discarded(letter: DeadLetter, by: str, reason: str, message: str) -> Move:
    why = f"{reason} The sender is told: {message}" if message else reason
    return Move(letter, S.DISCARDED, AuditEntry.Verb.DISCARDED, by, why)


@transaction.atomic
def restore(letter: DeadLetter, *, by: str, reason: str = "") -> None:
    """Bring a discarded letter back, and take its tombstone away."""
    if letter.state != S.DISCARDED:
        raise WrongStateError(
            f"{letter} is not discarded, so there is nothing to restore."
        )
    locked = lock(letter.request_id)
    if locked[letter.pk].purged_at is not None:
        raise PurgedError(PurgedError.__doc__)
    move(letter, letter.resting_state, AuditEntry.Verb.RESTORED, by=by, reason=reason)
    others = (one.state for number, one in locked.items() if number != letter.pk)
    if S.DISCARDED not in others:
        Outcome.discarded(letter.request_id).delete()


def _refusal(
    letter: DeadLetter, reason: str, done: str, locked: dict[int, DeadLetter]
) -> ReviewError | None:
    try:
        _need(letter, reason, done)
    except ReviewError as refused:
        return refused
    if not unchanged(letter, locked):
        return ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    return None


def _need(letter: DeadLetter, reason: str, done: str) -> None:
    if not reason.strip():
        raise ReasonMissingError(ReasonMissingError.__doc__)
    check_editable(letter, done)
