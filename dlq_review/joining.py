"""Join one pulled message to the dead letter of its request, or begin a new one."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from dlq_review import failures, grouping, reading
from dlq_review.failures import Failure
from dlq_review.models import Arrival, AuditEntry, DeadLetter, Revision
from dlq_review.transitions import move, note, tell_receipts
from processing.attempts import storable
from processing.events import Identity, is_request_id
from processing.models import Outcome
from processing.queues import Message
from processing.topology import QUEUES

_SENT = (DeadLetter.State.CLAIMED, DeadLetter.State.REDRIVEN)


@dataclass(frozen=True, slots=True)
class _Pulled:
    message: Message
    identity: Identity
    failure: Failure
    body: str
    fingerprint: str
    done: bool
    """The request was processed, with just this body."""


@transaction.atomic
def join(message: Message) -> bool:
    """Store *message*; False where it was stored before."""
    pulled = _look_at(message)
    letter, new = _letter_of(pulled)
    if not _store_arrival(letter, pulled):
        return False
    if new:
        _begin(letter, pulled)
    else:
        _arrive_again(letter, pulled)
    return True


def _look_at(message: Message) -> _Pulled:
    identity = failures.identity_of(message)
    body = storable(message.body)
    fingerprint = reading.fingerprint(body, identity.request_id)
    outcome = Outcome.objects.filter(
        request_id=identity.request_id,
        kind=Outcome.Kind.PROCESSED,
        fingerprint=fingerprint,
    )
    return _Pulled(
        message=message,
        identity=identity,
        failure=failures.why(message, identity),
        body=body,
        fingerprint=fingerprint,
        done=bool(fingerprint) and outcome.exists(),
    )


def _letter_of(pulled: _Pulled) -> tuple[DeadLetter, bool]:
    message, failure = pulled.message, pulled.failure
    # Redriven to another queue it fails on that one, and is the same letter still. The
    # attribute alone is not believed: the request must be the letter's.
    redriven = DeadLetter.objects.select_for_update().filter(
        pk=failures.redriven_from(message), request_id=pulled.identity.request_id
    )
    if letter := redriven.first():
        return letter, False
    group = grouping.group_of(failure)
    correlation_id = message.attributes.get("correlation_id", "")
    letter = DeadLetter(queue=failure.queue, type=failure.type)
    return DeadLetter.objects.select_for_update().get_or_create(
        request_id=pulled.identity.request_id,
        queue=failure.queue,
        defaults={
            **_failed(pulled),
            "group": group,
            "type": failure.type,
            "reference": storable(pulled.identity.reference)[:254],
            "correlation_id": correlation_id if is_request_id(correlation_id) else "",
            "state": DeadLetter.State.RESOLVED if pulled.done else letter.resting_state,
            "sent_at": message.sent_at,
            "first_failed_at": failure.failed_at,
            "body_fingerprint": pulled.fingerprint,
            "attempts": failure.deliveries,
            "arrival_count": 1,
            "settled_at": timezone.now() if pulled.done else None,
        },
    )


def _failed(pulled: _Pulled) -> dict[str, Any]:
    """What the last failure says about a letter."""
    failure = pulled.failure
    retention = timedelta(seconds=QUEUES[failure.queue].dlq_retention)
    return {
        "error_type": failure.error_type[:200],
        "error_text": failure.error_text[:500],
        "place": failure.place[:200],
        "release": failure.release,
        "last_failed_at": failure.failed_at,
        "expires_at": pulled.message.sent_at + retention,
    }


def _store_arrival(letter: DeadLetter, pulled: _Pulled) -> bool:
    message = pulled.message
    _, new = Arrival.objects.get_or_create(
        dlq=message.queue,
        message_id=message.id,
        defaults={
            "letter": letter,
            "body": pulled.body,
            "attributes": {
                storable(name): storable(value)
                for name, value in message.attributes.items()
            },
            "sent_at": message.sent_at,
            "receive_count": message.receive_count,
        },
    )
    return new


def _begin(letter: DeadLetter, pulled: _Pulled) -> None:
    Revision.objects.create(
        letter=letter, number=0, body=pulled.body, fingerprint=pulled.fingerprint
    )
    grouping.count_arrival(letter.group_id, pulled.failure)
    grouping.count_move(None, (letter.group_id, letter.state), timezone.now())
    tell_receipts(letter.request_id)
    reason = "Already processed, with this very body." if pulled.done else ""
    note(letter, AuditEntry.Verb.PULLED, reason=reason, after=letter.state)


def _arrive_again(letter: DeadLetter, pulled: _Pulled) -> None:
    DeadLetter.objects.filter(pk=letter.pk).update(
        arrival_count=letter.arrival_count + 1,
        attempts=letter.attempts + pulled.failure.deliveries,
    )
    ours = str(letter.redrive_id) == failures.redrive_of(pulled.message)
    known = letter.purged_at is None and (ours or _is_known(letter, pulled))
    settled_for_good = letter.state == DeadLetter.State.DISCARDED or (
        letter.state == DeadLetter.State.RESOLVED and pulled.done
    )
    late_copy = letter.state in _SENT and known and not ours
    if settled_for_good or late_copy:
        note(letter, AuditEntry.Verb.COPY, after=letter.state)
    elif pulled.done:
        reason = "Already processed, with the body that arrived."
        move(letter, DeadLetter.State.RESOLVED, AuditEntry.Verb.RESOLVED, reason=reason)
    else:
        _fail_again(letter, pulled, known=known)


def _is_known(letter: DeadLetter, pulled: _Pulled) -> bool:
    revisions = letter.revisions
    if pulled.fingerprint:
        return revisions.filter(fingerprint=pulled.fingerprint).exists()
    return revisions.filter(body=pulled.body).exists()


def _fail_again(letter: DeadLetter, pulled: _Pulled, *, known: bool) -> None:
    # Wherever it failed last, it stays with the queue whose letter it is.
    failure = replace(pulled.failure, queue=letter.queue)
    changes = {**_failed(pulled), "group_id": grouping.group_of(failure).pk}
    reason = ""
    if not known:
        reason = (
            "Its body was purged; this copy brought it back."
            if letter.purged_at
            else "Another body arrived under this request id."
        )
        changes |= _another_body(letter, pulled, reason)
    verb = AuditEntry.Verb.FAILED_AGAIN
    if letter.state in DeadLetter.SETTLED:
        verb = AuditEntry.Verb.REGRESSED
    move(letter, letter.resting_state, verb, reason=reason, **changes)
    grouping.count_arrival(letter.group_id, pulled.failure)


def _another_body(letter: DeadLetter, pulled: _Pulled, reason: str) -> dict[str, Any]:
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
    }
