"""Find out why a message was dead-lettered.

SQS does not say. The worker sends the reason along when it dead-letters a message itself
(the `failure` attribute), and writes an attempt for each delivery that failed. A delivery
without either was killed, hung, or had no database. If a message was received too seldom
for SQS to have moved it, somebody else put it on the DLQ.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from dlq_review.bodies.contract_fields import declares
from dlq_review.groups.fingerprint import Failure
from dlq_review.letters.redrive_mark import text_in
from processing.delivery.attempts import storable
from processing.delivery.processor import identify as identify_delivery
from processing.events import timestamps
from processing.events.attributes import FAILURE
from processing.events.envelope import Identity, identify, is_request_id
from processing.events.masking import mask_reference
from processing.events.veil import Veil
from processing.models import Attempt
from processing.sqs.message import Message
from processing.sqs.topology import SOURCE_OF

NO_REPORT = "NoReport"
NO_ATTEMPT = "NoAttempt"
_CLOCK_SKEW = timedelta(minutes=1)


def identity_of(message: Message) -> Identity:
    """The ids of a pulled message: from its body, else from the worker that sent it here."""
    request_id = message.beside.content_of(FAILURE).get("request_id")
    if is_request_id(request_id):
        return identify(message.body, fallback_id=str(request_id))
    return identify_delivery(message)


def why(message: Message, identity: Identity, attempt: Attempt | None) -> Failure:
    """The reason why *message* is in its DLQ, from the best source available.

    *attempt* is its last one, as `last_attempts` finds it.
    """
    reason = _latest(message, attempt)
    deliveries = _deliveries(message, attempt, reported=bool(reason))
    silence, no_report = _unreported(deliveries)
    text = text_in(reason, "error_text") or (attempt.error_text if attempt else "")
    veil = Veil(message.body)
    return Failure(
        queue=SOURCE_OF[message.queue],
        type=storable(identity.type)[:100],
        error_type=veil(text_in(reason, "error_type"))
        or (attempt.error_type if attempt else silence),
        error_text=veil.error(text) or no_report,
        unmasked_text=text or no_report,
        place=attempt.place if attempt else "",
        release=mask_reference(text_in(reason, "release")[:100])
        or (attempt.release if attempt else ""),
        failed_at=timestamps.past(reason.get("failed_at"))
        or (attempt.started_at if attempt else message.sent_at),
        deliveries=deliveries,
        error_field=_declared(
            identity.type,
            text_in(reason, "error_field") or (attempt.error_field if attempt else ""),
        ),
    )


def _declared(type: str, field: str) -> str:
    """*field* if the contract of *type* has it: anybody may write our attribute."""
    return field if declares(type, field) else ""


def last_attempts(
    pulled: Sequence[tuple[Message, Identity]],
) -> list[Attempt | None]:
    """The last attempt of each message, in order; None if no delivery recorded one."""
    names = [_names(message) for message, _ in pulled]
    since = [message.sent_at - _CLOCK_SKEW for message, _ in pulled]
    requests = [identity.request_id for _, identity in pulled]
    found = Attempt.objects.filter(
        Q(message_id__in=set().union(*names))
        | Q(request_id__in=requests, started_at__gte=min(since))
    ).defer("traceback")  # the newest first, by its Meta
    newest = list(found)
    return [
        next(
            (
                one
                for one in newest
                if one.message_id in ids
                or (one.request_id == request and one.started_at >= begun)
            ),
            None,
        )
        for ids, request, begun in zip(names, requests, since, strict=True)
    ]


def _names(message: Message) -> set[str]:
    """The message ids of its deliveries: it gets a new id when a worker dead-letters it."""
    reason = message.beside.content_of(FAILURE)
    return {message.id, text_in(reason, "message_id")} - {""}


def _deliveries(message: Message, attempt: Attempt | None, *, reported: bool) -> int:
    """How often a worker received *message*; 0 if none did."""
    if reported:
        return attempt.receive_count if attempt else 1
    by_workers = message.receive_count - 1  # the last receive was ours
    if attempt or message.moved_by_sqs:
        return max(by_workers, 1)
    # SQS moves a message only after so many receives; fewer were failed pulls.
    return by_workers if by_workers >= settings.SQS_MAX_RECEIVE_COUNT else 0


def _unreported(deliveries: int) -> tuple[str, str]:
    """The error type and text for a failure that nobody reported."""
    if not deliveries:
        return NO_ATTEMPT, (
            "No worker received it: somebody else put it on the DLQ, by hand or by program."
        )
    attempts = "1 attempt" if deliveries == 1 else f"{deliveries} attempts"
    return NO_REPORT, (
        f"{attempts} ended without a report: the worker was killed, ran out of time, "
        "or could not reach its database."
    )


def _latest(message: Message, attempt: Attempt | None) -> dict[str, Any]:
    """The reason that the worker attached to *message*; empty if it failed since.

    A message that somebody moved back to its queue keeps the old attribute.
    """
    reason = message.beside.content_of(FAILURE)
    said_at = timestamps.past(reason.get("failed_at"))
    failed_since = attempt and said_at and attempt.started_at > said_at
    return {} if message.moved_by_sqs or failed_since else reason
