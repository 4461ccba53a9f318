"""Join one pulled message to the dead letter of its request, or begin a new one."""

from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction

from dlq_review.groups import counters
from dlq_review.letters import error_texts, redrive_mark
from dlq_review.letters.transitions import lock, move, note
from dlq_review.models import Arrival, AuditEntry, DeadLetter, Revision
from dlq_review.pull.new_letters import (
    PulledMessage,
    arrival_fields,
    begin,
    failed_fields,
    first_fields,
    look_at,
    names_of,
)
from processing.events.veil import Veil
from processing.sqs.message import Message

_BROUGHT_BACK = "Its body was purged; this copy brought it back."
_SENT = (DeadLetter.State.CLAIMED, DeadLetter.State.REDRIVEN)


@transaction.atomic
def join(message: Message) -> bool:
    """Store *message*; False if it was stored before."""
    (pulled,) = look_at([message])
    letter, new = _letter_of(pulled)
    if not _store_arrival(letter, pulled):
        return False
    if new:
        begin([letter], [pulled])
    else:
        _arrive_again(letter, pulled)
    return True


def _letter_of(pulled: PulledMessage) -> tuple[DeadLetter, bool]:
    letters = lock(pulled.identity.request_id)
    # A letter that was redriven to another queue may fail there; it remains the same
    # letter. The attribute alone is no proof: the request must be the letter's too.
    if letter := letters.get(redrive_mark.redriven_from(pulled.message)):
        return letter, False
    for letter in letters.values():
        if letter.queue == pulled.failure.queue:
            return letter, False
    return _begin_letter(pulled)


def _begin_letter(pulled: PulledMessage) -> tuple[DeadLetter, bool]:
    names = {"request_id": pulled.identity.request_id, "queue": pulled.failure.queue}
    try:
        with transaction.atomic():
            # Of the text as its body alone masks it: the group goes, with its alert, if
            # another began the letter meanwhile.
            group = counters.group_of(pulled.failure)
            fields = first_fields(pulled, group)
            return DeadLetter.objects.create(**names, **fields), True
    except IntegrityError:
        found = (
            DeadLetter.objects.select_for_update(no_key=True).filter(**names).first()
        )
        if found is None:
            raise
        return found, False


def _store_arrival(letter: DeadLetter, pulled: PulledMessage) -> bool:
    _, new = Arrival.objects.get_or_create(
        dlq=pulled.message.queue,
        message_id=pulled.message.id,
        defaults={"letter": letter, **arrival_fields(pulled)},
    )
    return new


def _arrive_again(letter: DeadLetter, pulled: PulledMessage) -> None:
    DeadLetter.objects.filter(pk=letter.pk).update(
        arrival_count=letter.arrival_count + 1,
        attempts=letter.attempts + pulled.failure.deliveries,
    )
    ours = str(letter.redrive_id) == redrive_mark.redrive_of(pulled.message)
    known = letter.purged_at is None and (ours or _is_known(letter, pulled))
    settled_for_good = letter.state == DeadLetter.State.DISCARDED or (
        letter.state == DeadLetter.State.RESOLVED and pulled.done
    )
    late_copy = letter.state in _SENT and known and not ours
    if settled_for_good or late_copy:
        _mask_former_text(letter, pulled)
        note(letter, AuditEntry.Verb.COPY, after=letter.state)
        _purge_again(letter, pulled)
    elif pulled.done:
        _mask_former_text(letter, pulled, letter.group_id)
        reason = "Already processed, with the body that arrived."
        move(letter, DeadLetter.State.RESOLVED, AuditEntry.Verb.RESOLVED, reason=reason)
    else:
        _fail_again(letter, pulled, known=known)


def _mask_former_text(letter: DeadLetter, pulled: PulledMessage, *groups: int) -> None:
    """Mask the text of the failure before by the body that arrived now."""
    if letter.error_text:
        veils = {letter.pk: Veil(pulled.body)}
        error_texts.mask({letter.pk: letter}, veils, groups)


def _purge_again(letter: DeadLetter, pulled: PulledMessage) -> None:
    """Have the purge find a settled letter again whose body was purged before this copy."""
    if letter.purged_at:
        changes = _another_body(letter, pulled, _BROUGHT_BACK)
        DeadLetter.objects.filter(pk=letter.pk).update(**changes)


def _is_known(letter: DeadLetter, pulled: PulledMessage) -> bool:
    revisions = letter.revisions
    if pulled.fingerprint:
        return revisions.filter(fingerprint=pulled.fingerprint).exists()
    return revisions.filter(body=pulled.body).exists()


def _fail_again(letter: DeadLetter, pulled: PulledMessage, *, known: bool) -> None:
    # The letter keeps its queue, even if it failed last on another.
    text = error_texts.of_failure(letter, pulled.failure.error_text)
    failure = replace(
        pulled.failure,
        queue=letter.queue,
        error_text=text,
        key_text=pulled.failure.error_text,
    )
    groups = counters.group_fields(counters.group_of(failure))
    _mask_former_text(letter, pulled, letter.group_id, *filter(None, groups.values()))
    changes: dict[str, Any] = {
        **failed_fields(pulled),
        "error_text": text,
        **groups,
    }
    reason = ""
    if not known:
        another = "Another body arrived under this request id."
        reason = _BROUGHT_BACK if letter.purged_at else another
        changes |= _another_body(letter, pulled, reason)
    verb = AuditEntry.Verb.FAILED_AGAIN
    if letter.state in DeadLetter.SETTLED:
        verb = AuditEntry.Verb.REGRESSED
    move(letter, letter.resting_state, verb, reason=reason, **changes)
    counters.count_arrival(letter, failure)


def _another_body(
    letter: DeadLetter, pulled: PulledMessage, reason: str
) -> dict[str, Any]:
    number = letter.revision + 1
    Revision.objects.create(
        letter=letter,
        number=number,
        body=pulled.body,
        fingerprint=pulled.fingerprint,
        reason=reason,
    )
    letter.type = pulled.failure.type
    return {
        "revision": number,
        "purged_at": None,
        "body_fingerprint": pulled.fingerprint,
        "type": letter.type,
        **names_of(pulled),
    }
