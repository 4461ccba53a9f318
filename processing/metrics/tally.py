"""Count how a delivery began and ended."""

from datetime import datetime

from processing.metrics.declared import (
    DURATION,
    FAILURE,
    NEWEST,
    PROCESSED,
    WAIT,
)
from processing.sqs.message import Message


def begun(message: Message, at: datetime) -> None:
    """Call it once for each delivery whose handling begins *at*."""
    if message.receive_count == 1:
        waited = (at - message.sent_at).total_seconds()
        WAIT.observe(max(0, int(waited * 1000)), message.queue)
        NEWEST.note(int(message.sent_at.timestamp() * 1000), message.queue)


def ended(queue: str, status: str, ms: int) -> None:
    PROCESSED.count(queue, status)
    DURATION.observe(ms, queue, status)


def died(queue: str) -> None:
    """The process died with the message. How long it took is not known."""
    PROCESSED.count(queue, FAILURE)
