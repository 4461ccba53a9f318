"""Settle a dead letter: processed after all, resolved by hand, discarded, restored."""

from time import monotonic

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from dlq_review.errors import ReasonMissingError, ReviewError, WrongStateError
from dlq_review.letters import current_event
from dlq_review.letters.transitions import check_editable, lock, move
from dlq_review.models import AuditEntry, DeadLetter
from processing.models import Outcome

S = DeadLetter.State
STEP = 500  # letters looked up at once
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
    letters = list(found.order_by("pk")[:STEP])
    while letters and monotonic() < deadline:
        settled += sum(_settle(letter) for letter in letters)
        letters = list(found.filter(pk__gt=letters[-1].pk).order_by("pk")[:STEP])
    return settled


def _settle(letter: DeadLetter) -> bool:
    same = current_event.processed(letter).same
    try:
        if same:
            move(letter, S.RESOLVED, AuditEntry.Verb.RESOLVED, reason="Processed.")
        else:
            reason = "The request id was processed with another body."
            move(
                letter,
                letter.resting_state,
                AuditEntry.Verb.FAILED_AGAIN,
                reason=reason,
            )
    except ReviewError:  # another process was faster; the next run looks again
        return False
    return same


def resolve(letter: DeadLetter, *, by: str, reason: str) -> None:
    """Settle *letter* by hand, because its request was fulfilled in another way."""
    _need(letter, reason, "resolved")
    move(letter, S.RESOLVED, AuditEntry.Verb.RESOLVED, by=by, reason=reason)


@transaction.atomic
def discard(
    letter: DeadLetter, *, by: str, reason: str, message_for_sender: str = ""
) -> str:
    """Discard *letter* and leave a tombstone, so that a late copy does nothing.

    The sender's receipt shows *message_for_sender*. The reason is for staff alone.
    Returns its new state: RESOLVED where the request was processed in the meantime.
    """
    _need(letter, reason, "discarded")
    lock(letter.request_id)  # a restore takes the tombstone away
    outcome = _tombstone(letter, message_for_sender)
    if outcome.kind == Outcome.Kind.PROCESSED and current_event.processed(letter).same:
        why = "Was processed in the meantime; not discarded."
        move(letter, S.RESOLVED, AuditEntry.Verb.RESOLVED, by=by, reason=why)
    else:
        why = reason
        if message_for_sender:
            why += f" The sender is told: {message_for_sender}"
        move(letter, S.DISCARDED, AuditEntry.Verb.DISCARDED, by=by, reason=why)
    return letter.state


def _tombstone(letter: DeadLetter, message_for_sender: str) -> Outcome:
    """The outcome of the letter's request: a new tombstone, unless it has one already."""
    made = {Outcome.MESSAGE_FOR_SENDER: message_for_sender}
    outcome, _ = Outcome.objects.get_or_create(
        request_id=letter.request_id,
        defaults={
            "kind": Outcome.Kind.DISCARDED,
            "type": letter.type,
            "fingerprint": letter.body_fingerprint,
            "correlation_id": letter.correlation_id or letter.request_id,
            "made": made if message_for_sender else {},
        },
    )
    return outcome


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


def _need(letter: DeadLetter, reason: str, done: str) -> None:
    if not reason.strip():
        raise ReasonMissingError(ReasonMissingError.__doc__)
    check_editable(letter, done)
