"""Why a message died.

SQS does not say. The worker sends the reason along when it dead-letters a message itself
(the `failure` attribute), and writes an attempt for each delivery that failed. A delivery
that left neither was killed, hung, or had no database. What was received too seldom for SQS
to have moved it was put on the DLQ by somebody else.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from dlq_review.groups.fingerprint import Failure
from dlq_review.letters.redrive_mark import text_in
from processing.delivery.attempts import storable
from processing.delivery.processor import identify as identify_delivery
from processing.events import timestamps
from processing.events.attributes import FAILURE
from processing.events.envelope import Identity, identify, is_request_id
from processing.events.masking import Veil, mask_reference
from processing.models import Attempt
from processing.sqs.message import Message
from processing.sqs.topology import SOURCE_OF

NO_REPORT = "NoReport"
NO_ATTEMPT = "NoAttempt"
_CLOCK_SKEW = timedelta(minutes=1)


def identity_of(message: Message) -> Identity:
    """Who a pulled message is: by its body, else as the worker that sent it here said."""
    told = message.beside.told(FAILURE).get("request_id")
    if is_request_id(told):
        return identify(message.body, fallback_id=str(told))
    return identify_delivery(message)


def why(message: Message, identity: Identity, attempt: Attempt | None) -> Failure:
    """The reason *message* is in its DLQ, from the best witness there is.

    *attempt* is its last one, as `last_attempts` finds it.
    """
    told = _latest(message, attempt)
    deliveries = _deliveries(message, attempt, told=bool(told))
    silence, untold = _unreported(deliveries)
    text = text_in(told, "error_text") or (attempt.error_text if attempt else "")
    veil = Veil(message.body)
    return Failure(
        queue=SOURCE_OF[message.queue],
        type=storable(identity.type)[:100],
        error_type=veil(text_in(told, "error_type"))
        or (attempt.error_type if attempt else silence),
        error_text=veil.error(text) or untold,
        told=text or untold,
        place=attempt.place if attempt else "",
        release=mask_reference(text_in(told, "release")[:100])
        or (attempt.release if attempt else ""),
        failed_at=timestamps.past(told.get("failed_at"))
        or (attempt.started_at if attempt else message.sent_at),
        deliveries=deliveries,
    )


def last_attempts(
    pulled: Sequence[tuple[Message, Identity]],
) -> list[Attempt | None]:
    """The last attempt of each message, in order; None where no delivery left one."""
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
    """The message ids it was delivered under: a worker that sends it on gives a new one."""
    told = message.beside.told(FAILURE)
    return {message.id, text_in(told, "message_id")} - {""}


def _deliveries(message: Message, attempt: Attempt | None, *, told: bool) -> int:
    """How often a worker received *message*; 0 where none did."""
    if told:
        return attempt.receive_count if attempt else 1
    by_workers = message.receive_count - 1  # the last receive was ours
    if attempt or message.moved_by_sqs:
        return max(by_workers, 1)
    # SQS moves only what was received so often; fewer receives were pulls that failed.
    return by_workers if by_workers >= settings.SQS_MAX_RECEIVE_COUNT else 0


def _unreported(deliveries: int) -> tuple[str, str]:
    """The name and the text of a failure that nobody reported."""
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
    """What the worker said that sent *message* here; nothing where it failed since.

    A message that was moved back to its queue by other means keeps what was said of it.
    """
    told = message.beside.told(FAILURE)
    said_at = timestamps.past(told.get("failed_at"))
    failed_since = attempt and said_at and attempt.started_at > said_at
    return {} if message.moved_by_sqs or failed_since else told
