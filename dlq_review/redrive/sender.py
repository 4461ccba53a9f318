"""Send dead letters' current revisions back to their queues.

Crash order: claim by compare-and-set, with a redrive id -> commit -> send -> record that it
was sent -> commit. A crash in between leaves it claimed; `resend_claimed` sends it again
with the same redrive id, and the worker drops the second copy by its request id.
"""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from dlq_review.errors import (
    ChangedMeanwhileError,
    ReasonMissingError,
    ReviewError,
)
from dlq_review.letters import current_event
from dlq_review.letters.transitions import check_editable, move
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.redrive import targets
from dlq_review.redrive.message_attributes import attributes_of
from dlq_review.redrive.terms import (
    DiscardedError,
    LimitReachedError,
    NotSentError,
    ProcessedOtherwiseError,
    Redrive,
    Terms,
)
from processing.events.envelope import Event
from processing.models import Outcome, Repair
from processing.sqs import publisher
from processing.sqs.batches import Sent

logger = logging.getLogger(__name__)

S = DeadLetter.State
CLAIM_LASTS = timedelta(seconds=60)  # far above the 1.3 s that one send may take


def redrive_one(one: Redrive, terms: Terms) -> str:
    """Send one letter at once, or resolve it if its request was processed already.

    Returns its new state, REDRIVEN or RESOLVED. Raises a ReviewError that says why not.
    """
    (done,) = redrive_many([one], terms)
    if done.error is not None:
        raise done.error
    return one.letter.state


def redrive_many(chosen: Sequence[Redrive], terms: Terms) -> list[Redrive]:
    """Send each of *chosen*, at most ten in one call to SQS; one result each, in order.

    Never raises for one letter: each that was not sent carries its ReviewError.
    """
    done: list[Redrive] = []
    claimed: list[tuple[int, Event]] = []
    for number, one in enumerate(chosen):
        error = None
        try:
            event = take(one, terms)
            if event is not None:
                claimed.append((number, event))
        except ReviewError as refused:
            error = refused
        done.append(Redrive(one.letter, one.revision, error))
    errors = send_claimed([(done[number].letter, event) for number, event in claimed])
    for (number, _), error in zip(claimed, errors, strict=True):
        done[number] = Redrive(done[number].letter, done[number].revision, error)
    return done


def take(one: Redrive, terms: Terms) -> Event | None:
    """Claim one letter and return its event; None if it was processed already."""
    letter = one.letter
    if one.revision != letter.revision:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    check_editable(letter, "redriven")
    event = current_event.event_in(letter, current_event.current(letter).body)
    targets.check(event.queue, terms.to)
    if _is_done(letter):
        why = "Already processed; nothing was sent."
        move(letter, S.RESOLVED, AuditEntry.Verb.RESOLVED, by=terms.by, reason=why)
        return None
    claim(
        letter,
        by=terms.by,
        reason=_reason(letter, terms),
        to=terms.to,
        operation=terms.operation,
        send_after=terms.send_after,
    )
    return event


def _reason(letter: DeadLetter, terms: Terms) -> str:
    """The reason as the trail tells it. Raises LimitReachedError, ReasonMissingError."""
    reason = f"To {terms.to}. {terms.reason}".strip() if terms.to else terms.reason
    if not letter.limit_reached:
        return reason
    if not terms.override_limit:
        raise LimitReachedError(letter)
    if not terms.reason.strip():
        raise ReasonMissingError(ReasonMissingError.__doc__)
    return f"Past the limit of {settings.REDRIVE_LIMIT} redrives. {reason}"


def claim(
    letter: DeadLetter,
    *,
    by: str,
    reason: str,
    to: str = "",
    operation: int | None = None,
    send_after: datetime | None = None,
) -> None:
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
            redriven_to=to,
            operation=operation,
            send_after=send_after,
        )
        _tell_of_edits(letter)


def _tell_of_edits(letter: DeadLetter) -> None:
    """Record an edit of the request, so that the receipt shows what came of it."""
    if not letter.revision:
        return
    arrived = letter.revisions.filter(number__lte=letter.revision, by="")
    asked = list(arrived.values_list("fingerprint", flat=True))  # the newest first
    became = letter.body_fingerprint
    if asked and asked[0] and became not in asked:
        repair = Repair(request_id=letter.request_id, asked=asked[0], became=became)
        Repair.objects.bulk_create([repair], ignore_conflicts=True)


def send_claimed(
    claimed: Sequence[tuple[DeadLetter, Event]],
) -> list[ReviewError | None]:
    """Send what is claimed and record each; one error or None a letter, in order."""
    sent = publisher.publish_many(
        [event for _, event in claimed],
        attributes_of([letter for letter, _ in claimed]),
        [letter.redriven_to or event.queue for letter, event in claimed],
    )
    return [
        _record(letter, result)
        for (letter, _), result in zip(claimed, sent, strict=True)
    ]


def _record(letter: DeadLetter, sent: Sent) -> ReviewError | None:
    try:
        if sent.error is None:
            move(
                letter,
                S.REDRIVEN,
                AuditEntry.Verb.SENT,
                redrives=letter.redrives + 1,
                redriven_at=timezone.now(),
            )
            return None
        _wait_again(letter, str(sent.error))
    except ChangedMeanwhileError:
        # The letter came back before we recorded that it was sent. The newer state stays.
        return None
    return NotSentError(sent.error)


def _wait_again(letter: DeadLetter, reason: str) -> None:
    """Nothing was sent: the letter waits again, free of the operation that took it."""
    move(
        letter,
        letter.resting_state,
        AuditEntry.Verb.NOT_SENT,
        reason=reason[:500],
        operation=None,
    )


def late_claims() -> QuerySet[DeadLetter]:
    """Letters that were claimed and not recorded as sent, because a process ended."""
    return DeadLetter.objects.filter(
        state=S.CLAIMED,
        send_after=None,
        claimed_at__lt=timezone.now() - CLAIM_LASTS,
    )


def resend_claimed() -> int:
    """Send the late claims; return how many SQS took."""
    return send(late_claims().order_by("claimed_at")[:500])


def send(letters: Iterable[DeadLetter]) -> int:
    """Send *letters*, which are claimed; return how many SQS took."""
    claimed = []
    for letter in letters:
        try:
            event = current_event.event_in(letter, current_event.current(letter).body)
        except current_event.NotAnEventError as error:  # its contract has changed since
            with suppress(ChangedMeanwhileError):  # another job saw it first
                _wait_again(letter, str(error))
        else:
            claimed.append((letter, event))
    return send_claimed(claimed).count(None)


def _is_done(letter: DeadLetter) -> bool:
    known = current_event.processed(letter)
    if known.done and not known.same:
        raise ProcessedOtherwiseError(ProcessedOtherwiseError.__doc__)
    if Outcome.discarded(letter.request_id).exists():
        raise DiscardedError(DiscardedError.__doc__)
    return known.done
