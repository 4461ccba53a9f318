"""Create the dead letters for a batch of messages, in one transaction.

Locks are taken in one order, here and wherever a letter moves, so that transactions cannot
deadlock: letters (all of a request), then groups, then hours, then the rows of a request,
each by their keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from dlq_review.groups import counters
from dlq_review.groups.fingerprint import Failure
from dlq_review.letters import current_event, redrive_mark
from dlq_review.letters.transitions import tell_receipts
from dlq_review.models import Arrival, AuditEntry, DeadLetter, FailureGroup, Revision
from dlq_review.pull import failure_reason
from processing.database.inserts import insert, insert_and_number
from processing.delivery.attempts import storable
from processing.events.envelope import Identity, is_request_id
from processing.models import Outcome
from processing.sqs.message import Message
from processing.sqs.topology import QUEUES


@dataclass(frozen=True, slots=True)
class PulledMessage:
    """A message from a DLQ, with its identity and its failure."""

    message: Message
    identity: Identity
    failure: Failure
    body: str
    fingerprint: str
    done: bool
    """The request was processed, with just this body."""


def look_at(messages: Sequence[Message]) -> list[PulledMessage]:
    """Look up identity and failure of each of *messages*, in two queries."""
    read = [_read(message) for message in messages]
    identities = [identity for identity, *_ in read]
    attempts = failure_reason.last_attempts(
        list(zip(messages, identities, strict=True))
    )
    done = set(
        Outcome.processed(*(one.request_id for one in identities)).values_list(
            "request_id", "fingerprint"
        )
    )
    return [
        PulledMessage(
            message=message,
            identity=identity,
            failure=failure_reason.why(message, identity, attempt),
            body=body,
            fingerprint=fingerprint,
            done=bool(fingerprint) and (identity.request_id, fingerprint) in done,
        )
        for message, attempt, (identity, body, fingerprint) in zip(
            messages, attempts, read, strict=True
        )
    ]


def _read(message: Message) -> tuple[Identity, str, str]:
    """Identity, body and fingerprint; one after the other, so that JSON is parsed once."""
    identity = failure_reason.identity_of(message)
    body = storable(message.body)
    return identity, body, current_event.fingerprint(body, identity.request_id)


def first_fields(pulled: PulledMessage, group: FailureGroup) -> dict[str, Any]:
    """The fields of a letter at its first arrival, without the two that identify it."""
    message, failure = pulled.message, pulled.failure
    correlation_id = message.attributes.get("correlation_id", "")
    letter = DeadLetter(queue=failure.queue, type=failure.type)
    return {
        **failed_fields(pulled),
        **counters.group_fields(group),
        "type": failure.type,
        **names_of(pulled),
        "correlation_id": correlation_id if is_request_id(correlation_id) else "",
        "state": DeadLetter.State.RESOLVED if pulled.done else letter.resting_state,
        "sent_at": message.first_sent_at,
        "first_failed_at": failure.failed_at,
        "body_fingerprint": pulled.fingerprint,
        "attempts": failure.deliveries,
        "arrival_count": 1,
        "settled_at": timezone.now() if pulled.done else None,
    }


def names_of(pulled: PulledMessage) -> dict[str, Any]:
    """The fields of a letter that its body names it by."""
    identity = pulled.identity
    return {
        "reference": storable(identity.reference)[:254],
        "customer_id": identity.customer_id,
    }


def failed_fields(pulled: PulledMessage) -> dict[str, Any]:
    """The fields of a letter that its last failure sets."""
    failure = pulled.failure
    retention = timedelta(seconds=QUEUES[failure.queue].dlq_retention)
    return {
        "error_type": failure.error_type[:200],
        "error_text": failure.error_text[:500],
        "error_field": failure.error_field,
        "place": failure.place[:200],
        "release": failure.release,
        "last_failed_at": failure.failed_at,
        "expires_at": pulled.message.sent_at + retention,
    }


def arrival_fields(pulled: PulledMessage) -> dict[str, Any]:
    """The fields of an arrival, without its letter and the two that identify it."""
    message = pulled.message
    return {
        "body": pulled.body,
        "attributes": _storable(message.attributes),
        "attribute_types": _storable(message.types),
        "sent_at": message.first_sent_at,
        "receive_count": message.receive_count,
    }


def _storable(texts: dict[str, str]) -> dict[str, str]:
    return {storable(name): storable(text) for name, text in texts.items()}


@transaction.atomic
def begin_new(messages: Sequence[Message]) -> list[Message]:
    """Store those of *messages* whose request has no dead letter yet; return them.

    Stores all or none: if one cannot be stored, this raises the error.
    """
    new = _unknown(look_at(messages))
    if not new:
        return []
    groups = counters.groups_of([pulled.failure for pulled in new])
    letters = [
        DeadLetter(
            request_id=pulled.identity.request_id,
            queue=pulled.failure.queue,
            **first_fields(pulled, groups[pulled.failure.fingerprint]),
        )
        for pulled in new
    ]
    insert_and_number(letters)
    insert(
        [
            Arrival(
                letter_id=letter.pk,
                dlq=pulled.message.queue,
                message_id=pulled.message.id,
                **arrival_fields(pulled),
            )
            for letter, pulled in zip(letters, new, strict=True)
        ]
    )
    begin(letters, new)
    return [pulled.message for pulled in new]


def _unknown(pulled: Sequence[PulledMessage]) -> list[PulledMessage]:
    """The messages without a letter, one per request, in the order of their keys."""
    known = set(
        DeadLetter.objects.filter(
            request_id__in=[one.identity.request_id for one in pulled]
        ).values_list("request_id", "queue")
    )
    new: dict[tuple[str, str], PulledMessage] = {}
    for one in pulled:
        key = one.identity.request_id, one.failure.queue
        # A redriven message names its letter, even if it failed on another queue.
        if key not in known and not redrive_mark.redriven_from(one.message):
            new.setdefault(key, one)
    return [one for _, one in sorted(new.items(), key=lambda item: item[0])]


def begin(letters: Sequence[DeadLetter], pulled: Sequence[PulledMessage]) -> None:
    """Store the rows of new *letters*: revision 0, counters, receipt's mark, audit trail."""
    insert(
        [
            Revision(
                letter_id=letter.pk,
                number=0,
                body=one.body,
                fingerprint=one.fingerprint,
            )
            for letter, one in zip(letters, pulled, strict=True)
        ]
    )
    counters.count_new(letters, [one.failure for one in pulled])
    tell_receipts([letter.request_id for letter in letters])
    insert(
        [
            AuditEntry(
                letter_id=letter.pk,
                verb=AuditEntry.Verb.PULLED,
                reason="Already processed, with this very body." if one.done else "",
                after=letter.state,
            )
            for letter, one in zip(letters, pulled, strict=True)
        ]
    )
