"""A redrive by one click waits a moment before it is sent, so that it can be undone.

Crash order: claim, with `send_after` -> commit -> ask for a job that sends it. The job:
clear `send_after` by compare-and-set -> commit -> send -> record, as redrive/sender.py
says. While `send_after` is set, the redrive can be undone and is not being sent. Once it is
cleared, it is being sent. If the job is lost, beat's `settle` sends it.
"""

import logging
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from dlq_review.errors import ChangedMeanwhileError, ReviewError
from dlq_review.letters.transitions import move
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.redrive import claims, sender
from dlq_review.redrive.terms import Redrive, Terms
from processing.events.envelope import new_id
from processing.sqs import publisher
from processing.sqs.refusals import SendError

logger = logging.getLogger(__name__)

SEND_DUE = "dlq_review.send_due"
_AFTER_IT_IS_DUE = 1  # second; the clocks of two machines differ a little


S = DeadLetter.State


class TooLateError(ReviewError):
    """It was sent already, so the redrive cannot be undone any more."""


class NothingToUndoError(ReviewError):
    """No redrive of it is waiting to be sent, so there is nothing to undo."""


_TOO_LATE = {
    S.CLAIMED: "It is being sent now, so the redrive cannot be undone any more.",
    S.REDRIVEN: TooLateError.__doc__,
}
_NOTHING_TO_UNDO = {
    S.OPEN: NothingToUndoError.__doc__,
    S.QUARANTINED: NothingToUndoError.__doc__,
    S.RESOLVED: "It is resolved, so no redrive of it is waiting to be sent.",
    S.DISCARDED: "It is discarded, so no redrive of it is waiting to be sent.",
}


def redrive_soon(one: Redrive, terms: Terms) -> str:
    """Claim a letter; it is sent after REDRIVE_UNDO_SECONDS unless somebody undoes it.

    Returns its new state: CLAIMED; RESOLVED if it was processed already; REDRIVEN if the
    setting is 0. Raises a ReviewError that says why not.
    """
    seconds = settings.REDRIVE_UNDO_SECONDS
    if not seconds:
        return sender.redrive_one(one, terms)
    due = timezone.now() + timedelta(seconds=seconds)
    claims.take(one, replace(terms, send_after=due))
    if one.letter.undoable:
        _ask_for_sending(seconds)
    return one.letter.state


def _ask_for_sending(seconds: int) -> None:
    try:
        publisher.send_job(SEND_DUE, new_id(), {}, delay=seconds + _AFTER_IT_IS_DUE)
    except SendError as refused:
        logger.warning("job=%s not_sent=%s; beat will do it", SEND_DUE, refused)


def undo(letter: DeadLetter, *, by: str) -> None:
    """Put *letter* back where it waited. Raises TooLateError, NothingToUndoError.

    Raises ChangedMeanwhileError if another redrive of it waits to be sent by now.
    """
    if not letter.undoable:
        raise _refusal(letter)
    try:
        move(letter, letter.resting_state, AuditEntry.Verb.UNDONE, by=by)
    except ChangedMeanwhileError:
        letter.refresh_from_db()
        if letter.undoable:
            raise
        raise _refusal(letter) from None


def _refusal(letter: DeadLetter) -> ReviewError:
    """Why no redrive of *letter* can be undone, by its state."""
    state = S(letter.state)
    if state in _TOO_LATE:
        return TooLateError(_TOO_LATE[state])
    return NothingToUndoError(_NOTHING_TO_UNDO[state])


def undoable() -> QuerySet[DeadLetter]:
    """The redrives that can still be undone, the next to be sent first."""
    claimed = DeadLetter.objects.filter(state=DeadLetter.State.CLAIMED)
    return claimed.exclude(send_after=None).order_by("send_after")


def due() -> QuerySet[DeadLetter]:
    """The redrives whose undo window has ended."""
    return undoable().filter(send_after__lte=timezone.now())


def send_due() -> int:
    """Send the redrives that are due; return how many SQS took."""
    return sender.send(letter for letter in due()[:500] if _begin_to_send(letter))


def _begin_to_send(letter: DeadLetter) -> bool:
    """End the undo window; False if the redrive was undone or another process sends it."""
    now = timezone.now()
    mine = (
        undoable()
        .filter(pk=letter.pk, send_after=letter.send_after)
        .update(send_after=None, claimed_at=now)
    )
    letter.send_after, letter.claimed_at = None, now
    return bool(mine)
