"""The line of the log about the end of one delivery, and the same facts in its span."""

import logging

from processing.delivery.attempts import Stopwatch
from processing.events.envelope import Identity
from processing.handlers.registry import HANDLERS
from processing.sqs.message import Message
from processing.tracing.spans import Span

logger = logging.getLogger(__name__)


def tell(
    message: Message,
    identity: Identity,
    watch: Stopwatch,
    span: Span,
    outcome: str,
    error: str = "",
    together: int = 1,
) -> None:
    """Tell of the end of one delivery, of *together* in its set."""
    logger.info(
        "request_id=%s correlation_id=%s queue=%s type=%s receive_count=%s ms=%s"
        " set=%s outcome=%s error=%s",
        identity.request_id,
        identity.correlation_id,
        message.queue,
        identity.type if identity.type in HANDLERS else "unknown",
        message.receive_count,
        watch.milliseconds,
        together,
        outcome,
        error,
    )
    span.tell(
        request_id=identity.request_id,
        correlation_id=identity.correlation_id,
        message_id=message.id,
        receive_count=message.receive_count,
        set=together,
        outcome=outcome,
        error=error,
    )
