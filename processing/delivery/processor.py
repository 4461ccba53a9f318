"""Process one delivery of one event.

Crash order: one transaction {claim the request id; effect; follow-ups recorded} -> commit
-> publish the follow-ups -> return, and the transport deletes the message. A crash
anywhere leaves the message on SQS; the next delivery finds the claim and does not repeat
the effect.
Permanent failure: attempt row -> original body to the DLQ with the reason -> return.
A mistake that only the sender can correct, if the sender holds a receipt: outcome `refused`
-> attempt row -> return. A crash between them loses the attempt row and nothing else.
Transient failure: attempt row -> RetryLaterError, and the transport makes the message
visible again after a pause. SQS counts the receives and is the only retry engine.

The soft time limit may interrupt any line, even between a BEGIN and Django's note of it.
The connection would then keep the transaction open, and on SQLite block all others. So the
code that catches SoftTimeLimitExceeded closes the connection.
"""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from processing.delivery import attempts, log_lines, spool
from processing.delivery.interruption import drop_connection, time_limit_behind
from processing.events import envelope
from processing.events.attributes import RECEIPT, REDRIVE
from processing.events.errors import PermanentError
from processing.handlers import desk
from processing.handlers.effect import Effect, SenderCanMendError
from processing.handlers.registry import HANDLERS
from processing.metrics import tally
from processing.metrics.declared import FAILURE, REFUSED, SUCCESS
from processing.models import Outcome
from processing.sqs import publisher
from processing.sqs.message import Message
from processing.sqs.refusals import SendError
from processing.tracing import spans


class RequestIdConflictError(PermanentError):
    """This request id was already used for another request; send it under a new id."""


class WrongQueueError(PermanentError):
    """Each type of event is taken from a queue of its own."""

    def __init__(self, event: envelope.Event, queue: str) -> None:
        sentence = (
            f"An event of type {event.type} is not taken from the queue {queue}. "
            f"Redrive it, and it goes to its own queue, {event.queue}; or discard it."
        )
        if not event.data.accepted_from_anyone:
            sentence += (
                " No public producer may send this type, so find out first who did."
            )
        super().__init__(sentence)


class RefusedToSenderError(Exception):
    """The sender reads the refusal on the receipt, so there is no dead letter."""


class RetryLaterError(Exception):
    """The message stays on the queue. Names the type of the error, never its text."""


def handle(message: Message) -> None:
    """Process one delivery. Returns when the message may be deleted.

    Raises RetryLaterError when SQS must deliver it again.
    """
    trace, failed = message.trace, message.failed_trace
    with spans.opened(spans.PROCESS, message.queue, trace, failed) as span:
        _handle(message, span)


def _handle(message: Message, span: spans.Span) -> None:
    watch = attempts.Stopwatch()
    tally.begun(message, watch.started_at)
    identity = identify(message)
    try:
        _process_delivery(message, identity)
    except RefusedToSenderError as error:
        attempts.record(message, identity, error, watch, permanent=True)
        tally.ended(message.queue, REFUSED, watch.milliseconds)
        told = ("refused", type(error.__cause__ or error).__name__)
    except PermanentError as error:
        attempts.record(message, identity, error, watch, permanent=True)
        tally.ended(message.queue, FAILURE, watch.milliseconds)
        _dead_letter(message, identity, error)
        told = ("dead_lettered", type(error).__name__)
    except Exception as error:
        if limit := time_limit_behind(error):
            drop_connection()
            error = limit
        attempts.record(message, identity, error, watch, permanent=False)
        tally.ended(message.queue, FAILURE, watch.milliseconds)
        told = ("failed", type(error).__name__)
        log_lines.tell(message, identity, watch, span, *told)
        raise RetryLaterError(type(error).__name__) from None
    else:
        tally.ended(message.queue, SUCCESS, watch.milliseconds)
        told = ("processed", "")
    log_lines.tell(message, identity, watch, span, *told)


def _process_delivery(message: Message, identity: envelope.Identity) -> None:
    event = envelope.parse(
        message.body, fallback_id=identity.request_id, sent_at=message.first_sent_at
    )
    redrive = message.attributes.get(REDRIVE, "")
    redriven = desk.sent(redrive, event, message.queue)
    if message.queue != event.queue and not redriven:
        raise WrongQueueError(event, message.queue)
    try:
        process(event, redriven=redriven)
    except SenderCanMendError as error:
        if not _ends_at_its_sender(message, error):
            raise
        refuse(event, error.message_for_sender)
        raise RefusedToSenderError(str(error)) from error


def _ends_at_its_sender(message: Message, error: Exception) -> bool:
    """Whether the refusal goes to the sender's receipt: there is one, and no retry is left."""
    beside = message.attributes
    has_receipt = RECEIPT.texts.items() <= beside.items() and REDRIVE not in beside
    last = message.receive_count >= settings.SQS_MAX_RECEIVE_COUNT
    return has_receipt and (last or isinstance(error, PermanentError))


def refuse(event: envelope.Event, message_for_sender: str) -> None:
    """Close the request: its receipt shows *message_for_sender*, and a copy of it does nothing."""
    Outcome.objects.get_or_create(
        request_id=event.id,
        defaults={
            "kind": Outcome.Kind.REFUSED,
            "type": event.type,
            "fingerprint": event.fingerprint,
            "correlation_id": event.correlation_id,
            "order_id": event.data.about_order,
            "made": {Outcome.MESSAGE_FOR_SENDER: message_for_sender},
        },
    )


def identify(message: Message) -> envelope.Identity:
    """The ids of the message: from its body, else those that its sender or SQS gave it."""
    return envelope.identify(message.body, fallback_id=message.named_id)


def process(event: envelope.Event, *, redriven: bool = False) -> None:
    """Let *event* take effect, once for its request id.

    A repetition publishes the follow-ups again and does nothing else. Raises
    RequestIdConflictError where the id was used with another body, unless staff redrove
    it: an edited revision may meet the claim of an earlier copy.
    """
    try:
        effect = (_redeem if redriven else _claim_and_take_effect)(event)
    except IntegrityError:
        claim = Outcome.objects.filter(request_id=event.id).first()
        if claim is None:  # the effect broke a rule of the database, not the claim
            raise
        if _conflicts(claim, event) and not redriven:
            raise RequestIdConflictError(RequestIdConflictError.__doc__) from None
        spool.send_follow_ups(event.id)
    else:
        if effect.follow_ups:
            spool.send_follow_ups(event.id)


@transaction.atomic
def _claim_and_take_effect(event: envelope.Event) -> Effect:
    """Raises IntegrityError if the request id is claimed already."""
    claim = claim_of(event)
    claim.save(force_insert=True)
    effect = HANDLERS[event.type](event)
    if effect.made != claim.made:
        claim.made = effect.made
        claim.save(update_fields=["made"])
    spool.record(effect.follow_ups, cause=event.id)
    return effect


def claim_of(event: envelope.Event) -> Outcome:
    return Outcome(
        request_id=event.id,
        kind=Outcome.Kind.PROCESSED,
        type=event.type,
        fingerprint=event.fingerprint,
        correlation_id=event.correlation_id,
        order_id=event.data.about_order,
        made=event.data.made,
    )


@transaction.atomic
def _redeem(event: envelope.Event) -> Effect:
    """Process a redrive. Success replaces an earlier refusal; after a failure it stays."""
    refused = Outcome.objects.filter(kind=Outcome.Kind.REFUSED)
    refused.filter(request_id=event.id).delete()
    return _claim_and_take_effect(event)


def _conflicts(outcome: Outcome, event: envelope.Event) -> bool:
    # A discard holds for the request whatever its body; other outcomes are for one body.
    discarded = outcome.kind == Outcome.Kind.DISCARDED
    return not discarded and outcome.fingerprint != event.fingerprint


def _dead_letter(
    message: Message, identity: envelope.Identity, error: PermanentError
) -> None:
    try:
        publisher.dead_letter(message, failure(identity, error))
    except SendError as refused:
        # The redrive policy will move it there, and the attempt row says why it failed.
        raise RetryLaterError(type(error).__name__) from refused


def failure(identity: envelope.Identity, error: PermanentError) -> dict[str, Any]:
    """The reason that travels with a message into its DLQ."""
    return {
        "request_id": identity.request_id,
        "correlation_id": identity.correlation_id,
        "error_type": type(error).__name__,
        "error_text": str(error)[: attempts.LONGEST_TEXT],
        "error_field": attempts.field_of(error),
        "failed_at": datetime.now(UTC).isoformat(),
        "worker": settings.WORKER_NAME,
        "release": settings.RELEASE,
    }
