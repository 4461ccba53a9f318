"""Accepting an event.

Crash order: check the size -> SQS confirmed the event, else its spool row is committed ->
return, and only then is a receipt given. A crash before that leaves the sender without a
receipt; the retry brings the same request id, so a copy has no second effect.
Nothing here touches the database while SQS works.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.db import Error
from pydantic import ValidationError

from intake import rate_limits, request_ids
from intake.idempotent_replays import KeyReusedError
from intake.rate_limits import RateLimitedError
from processing.database.patience import within
from processing.delivery import spool
from processing.events.attributes import RECEIPT, Attributes
from processing.events.contract import Contract
from processing.events.contracts import SignupRequested
from processing.events.envelope import Event
from processing.events.errors import InvalidEventError, problems_in
from processing.metrics.declared import ACCEPTED, NOT_ACCEPTED, QUEUED, SPOOLED
from processing.sqs import publisher, queues
from processing.sqs.entries import TooLargeError
from processing.sqs.refusals import SendError
from processing.tracing import context, spans

logger = logging.getLogger(__name__)

PATIENCE = 3.0  # seconds for the spool; on SQLite its relay may have the one lock


class NotAcceptedError(Exception):
    """We could not store your request just now. Please send it again in a moment; sending it twice does no harm."""

    headers: ClassVar = {"Retry-After": "30"}


# `accept` raises it where a SendError is `for_good`; the API and the forms answer 400 with
# its sentence. An event that SQS refuses later, out of the spool, becomes a dead letter.
class UnsendableError(ValueError):
    """The queue does not take this request as it stands. Remove unusual characters and send it again."""


#: The errors with which `accept` refuses.
REFUSALS = (
    TooLargeError,
    RateLimitedError,
    UnsendableError,
    KeyReusedError,
    NotAcceptedError,
)


def prepare(
    contract: type[Contract],
    asked: dict[str, Any],
    request_id: str,
    correlation_id: str | None = None,
) -> Event:
    """Build the event for *asked*, with defaults for the fields that its sender left out.

    Defaults are derived from the request id: a retry with other values would count as
    another request. Raises InvalidEventError.
    """
    filled = request_ids.filled(contract, asked, request_id)
    try:
        data = contract.model_validate(filled)
        return Event.new(data, id=request_id, correlation_id=correlation_id)
    except ValidationError as error:
        raise InvalidEventError(problems_in(error)) from None


def accept(event: Event) -> None:
    """Store *event* durably; it is accepted when this returns.

    Raises one of REFUSALS; after NotAcceptedError it may be stored all the same.
    """
    try:
        _store(event)
    except REFUSALS:
        ACCEPTED.count(event.type, NOT_ACCEPTED)
        raise
    _log(event, "accepted")


def _store(event: Event) -> None:
    _spend_mail(event)
    with spans.opened(spans.SEND, event.queue, context.current()) as span:
        span.tell(request_id=event.id)
        try:
            publisher.publish(event, **RECEIPT.texts, **context.carried())
        except SendError as refused:
            span.tell(refused=str(refused))
            _refused(event, refused)
        else:
            ACCEPTED.count(event.type, QUEUED)


def accept_many(events: Sequence[Event]) -> list[Exception | None]:
    """Store each event durably; one result per event, in order: None means accepted.

    If SQS is away, only the first batch is tried, and the rest is spooled at once.
    """
    results: list[Exception | None] = [_attempt(_check, event) for event in events]
    waiting = [number for number, result in enumerate(results) if result is None]
    waiting.sort(key=lambda number: events[number].queue)
    away: SendError | None = None
    for start in range(0, len(waiting), queues.BATCH):
        batch = waiting[start : start + queues.BATCH]
        begun = [_begin(events[number]) for number in batch]
        refusals = _publish([events[number] for number in batch], begun, away)
        away = next((one for one in refusals if one and one.is_away), None)
        for number, span, refused in zip(batch, begun, refusals, strict=True):
            results[number] = _end(events[number], span, refused)
    for event, result in zip(events, results, strict=True):
        if result is not None:
            ACCEPTED.count(event.type, NOT_ACCEPTED)
    return results


def _begin(event: Event) -> spans.Span:
    span = spans.begin(spans.SEND, event.queue, context.current())
    span.tell(request_id=event.id)
    return span


def _end(event: Event, span: spans.Span, refused: SendError | None) -> Exception | None:
    """None if *event* is accepted: SQS has it, or the spool, if SQS *refused* it."""
    error: Exception | None = None
    with context.within(span.trace):
        if refused is None:
            ACCEPTED.count(event.type, QUEUED)
        else:
            span.tell(refused=str(refused))
            error = _attempt(_refused, event, refused)
        if error is None:
            _log(event, "accepted")
    span.end(type(error).__name__ if error else "")
    return error


def _publish(
    events: Sequence[Event], begun: Sequence[spans.Span], away: SendError | None
) -> Sequence[SendError | None]:
    if away is not None:
        return [away] * len(events)
    beside = [RECEIPT | Attributes(span.carried) for span in begun]
    sent = publisher.publish_many(events, beside)
    return [one.error for one in sent]


def _attempt(verb: Callable[..., None], *arguments: Any) -> Exception | None:
    try:
        verb(*arguments)
    except REFUSALS as error:
        return error
    return None


def _check(event: Event) -> None:
    publisher.check_size(event)
    _spend_mail(event)


def _spend_mail(event: Event) -> None:
    if isinstance(event.data, SignupRequested):
        rate_limits.spend_once(rate_limits.mails(), event.data.email, event.id)


def _refused(event: Event, refused: SendError) -> None:
    """Put *event* into the spool, unless SQS would never take it."""
    if refused.for_good:
        raise UnsendableError(UnsendableError.__doc__) from refused
    try:
        with within(PATIENCE):
            spool.add(event, str(refused))
        ACCEPTED.count(event.type, SPOOLED)
    except spool.SpoolConflictError:
        _log(event, "not_accepted", "key_reused")
        raise KeyReusedError(KeyReusedError.__doc__) from None
    except Error as away:
        _publish_after_all(event, refused, away)


def _publish_after_all(event: Event, refused: SendError, away: Exception) -> None:
    """The spool failed too. If the circuit breaker was open, call SQS after all."""
    try:
        if refused.was_asked:
            raise refused
        publisher.publish_after_all(event, **RECEIPT.texts, **context.carried())
        ACCEPTED.count(event.type, QUEUED)
    except SendError as again:
        if again.for_good:
            raise UnsendableError(UnsendableError.__doc__) from again
        _log(event, "not_accepted", str(again), type(away).__name__)
        raise NotAcceptedError(NotAcceptedError.__doc__) from away


def _log(event: Event, outcome: str, reason: str = "", away: str = "") -> None:
    logger.info(
        "request_id=%s correlation_id=%s type=%s outcome=%s reason=%s spool=%s",
        event.id,
        event.correlation_id,
        event.type,
        outcome,
        reason,
        away,
    )
