"""Why a message died.

SQS does not say. The worker sends the reason along when it dead-letters a message itself
(the `failure` attribute), and writes an attempt for each delivery that failed. A delivery
that left neither was killed, hung, or had no database. What was received too seldom for SQS
to have moved it was put on the DLQ by somebody else.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from processing import moments
from processing.attempts import LONGEST_TEXT, storable
from processing.attributes import FAILURE, REDRIVE, Attributes
from processing.event_errors import (
    InvalidEventError,
    UnknownEventTypeError,
    UnreadableEventError,
)
from processing.events import Identity, identify, is_request_id
from processing.models import Attempt
from processing.personal import Veil, mask_reference
from processing.queues import Message
from processing.services import identify as identify_delivery
from processing.topology import QUEUES

SOURCE_OF = {queue.dlq: queue.name for queue in QUEUES.values()}
NO_REPORT = "NoReport"
NO_ATTEMPT = "NoAttempt"
_CLOCK_SKEW = timedelta(minutes=1)
#: These come from one place in our code; what tells them apart is the text.
_TOLD_APART_BY_TEXT = {
    error.__name__
    for error in (InvalidEventError, UnknownEventTypeError, UnreadableEventError)
}
_CHANGING = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+|\S*\d\S*")


@dataclass(frozen=True, slots=True)
class Failure:
    queue: str
    type: str
    error_type: str
    error_text: str
    place: str
    release: str
    failed_at: datetime
    told: str
    """The error text as it came, with what it says of people."""
    deliveries: int
    """How often the message was delivered before it ended in the DLQ."""

    @property
    def template(self) -> str:
        """The text without what differs from one message to the next."""
        return _template(self.error_text)

    @property
    def fingerprint(self) -> str:
        """Equal for failures that belong together: queue, type, error, function (or text).

        A function that moves to another file is still the same, so the file is left out.
        """
        by_its_text = by_text(self.error_type, self.place)
        function = self.place.rpartition(":")[2]
        detail = _template(self.told) if by_its_text else function
        parts = "\n".join((self.queue, self.type, self.error_type, detail))
        return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()


def _template(text: str) -> str:
    return _CHANGING.sub("…", text[:LONGEST_TEXT])[:300]


def by_text(error_type: str, place: str) -> bool:
    """Whether failures are grouped by their text, and not by their place in our code."""
    return error_type in _TOLD_APART_BY_TEXT or not place


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
    text = _text(told, "error_text") or (attempt.error_text if attempt else "")
    veil = Veil(message.body)
    return Failure(
        queue=SOURCE_OF[message.queue],
        type=storable(identity.type)[:100],
        error_type=veil(_text(told, "error_type"))
        or (attempt.error_type if attempt else silence),
        error_text=veil.error(text) or untold,
        told=text or untold,
        place=attempt.place if attempt else "",
        release=mask_reference(_text(told, "release")[:100])
        or (attempt.release if attempt else ""),
        failed_at=moments.past(told.get("failed_at"))
        or (attempt.started_at if attempt else message.sent_at),
        deliveries=deliveries,
    )


def redrive_of(message: Message) -> str:
    """The redrive id *message* was sent with, if we sent it."""
    return id_in(message.attributes.get("redrive", ""))


def id_in(redrive: str) -> str:
    """The redrive id that the attribute *redrive* holds."""
    return _text(_redrive(redrive), "redrive_id")


def redriven_from(message: Message) -> int:
    """The number of the dead letter *message* was redriven from; 0 for none."""
    return letter_in(message.attributes.get("redrive", ""))


def letter_in(redrive: str) -> int:
    """The number of the dead letter that the attribute *redrive* names; 0 for none."""
    number = _redrive(redrive).get("dead_letter")
    return number if type(number) is int and 0 < number < 2**63 else 0


def _redrive(text: str) -> dict[str, Any]:
    return Attributes({REDRIVE: text}).told(REDRIVE)


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
    return {message.id, _text(told, "message_id")} - {""}


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
    said_at = moments.past(told.get("failed_at"))
    failed_since = attempt and said_at and attempt.started_at > said_at
    return {} if message.moved_by_sqs or failed_since else told


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return storable(value) if isinstance(value, str) else ""
