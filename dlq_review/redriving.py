"""Send a dead letter's current revision back to its queue.

Crash order: claim by compare-and-set, with a redrive id -> commit -> send -> record that it
was sent -> commit. A crash in between leaves it claimed; `resend_claimed` sends it again
with the same redrive id, and the worker drops the second copy by its request id.
"""

import json
import logging
from datetime import timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import transaction
from django.utils import timezone

from dlq_review import reading
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.transitions import (
    ChangedMeanwhileError,
    ReviewError,
    WrongStateError,
    move,
)
from processing import queues
from processing.events import Event
from processing.models import Outcome

logger = logging.getLogger(__name__)

S = DeadLetter.State
CLAIM_LASTS = timedelta(seconds=60)  # far above the 1.3 s that one send may take


class ProcessedOtherwiseError(ReviewError):
    """This request id was processed with another body, so the worker would refuse this one.

    Discard it, or have it sent under a new request id.
    """


class SetAsideError(ReviewError):
    """The request was discarded, so a worker would do nothing. Restore it first."""


class NotSentError(ReviewError):
    """SQS did not take it. The dead letter is open again; try later."""


def redrive(
    letter: DeadLetter, *, by: str, reason: str = "", revision: int | None = None
) -> str:
    """Send *letter* as its caller saw it, or resolve it where it is processed already.

    Returns its new state, REDRIVEN or RESOLVED. Raises a ReviewError that says why not.
    """
    if revision is not None and revision != letter.revision:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    if letter.state not in DeadLetter.EDITABLE:
        raise WrongStateError(
            f"{letter} is {letter.get_state_display().lower()}; "
            "only open or quarantined dead letters can be redriven."
        )
    event = reading.event_in(letter, reading.current(letter).body)
    if _is_done(letter):
        why = "Already processed; nothing was sent."
        move(letter, S.RESOLVED, AuditEntry.Verb.RESOLVED, by=by, reason=why)
        return letter.state
    claim(letter, by=by, reason=reason)
    send_claimed(letter, event)
    return letter.state


def claim(letter: DeadLetter, *, by: str, reason: str) -> None:
    """Take *letter* for sending; only one of two who try gets it."""
    name = f"{letter.pk}/{letter.revision}/{letter.redrives + 1}"
    with transaction.atomic(durable=True):
        move(
            letter,
            S.CLAIMED,
            AuditEntry.Verb.CLAIMED,
            by=by,
            reason=reason,
            redrive_id=uuid5(NAMESPACE_URL, name),
            claimed_at=timezone.now(),
        )


def send_claimed(letter: DeadLetter, event: Event) -> None:
    """Send what is claimed and record it. Raises NotSentError where SQS refused."""
    try:
        queues.publish(event, redrive=_redrive(letter))
    except queues.SendError as refused:
        move(
            letter, letter.resting_state, AuditEntry.Verb.NOT_SENT, reason=str(refused)
        )
        raise NotSentError(f"{NotSentError.__doc__} ({refused})") from None
    move(
        letter,
        S.REDRIVEN,
        AuditEntry.Verb.SENT,
        redrives=letter.redrives + 1,
        redriven_at=timezone.now(),
    )


def resend_claimed() -> int:
    """Send again what was claimed and not recorded as sent; return how many were sent."""
    late = DeadLetter.objects.filter(
        state=S.CLAIMED, claimed_at__lt=timezone.now() - CLAIM_LASTS
    )
    sent = 0
    for letter in late.order_by("claimed_at")[:500]:
        try:
            send_claimed(letter, reading.event_in(letter, reading.current(letter).body))
            sent += 1
        except ReviewError as error:
            logger.warning(
                "request_id=%s not_resent=%s", letter.request_id, type(error).__name__
            )
    return sent


def _redrive(letter: DeadLetter) -> str:
    redrive_id: UUID | None = letter.redrive_id
    return json.dumps(
        {
            "dead_letter": letter.pk,
            "redrive_id": str(redrive_id),
            "count": letter.redrives + 1,
        }
    )


def _is_done(letter: DeadLetter) -> bool:
    known = reading.processed(letter)
    if known.done and not known.same:
        raise ProcessedOtherwiseError(
            " ".join(str(ProcessedOtherwiseError.__doc__).split())
        )
    if Outcome.objects.filter(
        request_id=letter.request_id, kind=Outcome.Kind.DISCARDED
    ).exists():
        raise SetAsideError(SetAsideError.__doc__)
    return known.done
