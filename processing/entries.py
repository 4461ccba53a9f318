"""What SQS is sent beside a body: attributes, group, deduplication; and how much that is.

An entry is what SendMessageBatch takes for one message, without its Id.
"""

import hashlib
import json
from typing import Any

from processing.events import Event
from processing.queues import Message
from processing.topology import MAX_MESSAGE_BYTES, QUEUES


class TooLargeError(ValueError):
    """The event is larger than one SQS message may be; shorten it."""


def of_event(event: Event, attributes: dict[str, str], queue: str) -> dict[str, Any]:
    """The entry that puts *event* on *queue*, with *attributes* beside the usual."""
    named = {
        "type": event.type,
        "request_id": event.id,
        "correlation_id": event.correlation_id,
        **attributes,
    }
    # On a standard queue the group makes SQS share its workers fairly among customers.
    group = event.data.group[:128].replace(" ", "_")
    entry = {
        "MessageBody": event.body,
        "MessageAttributes": _wire(named),
        "MessageGroupId": group,
    }
    if QUEUES[queue].fifo:
        entry["MessageDeduplicationId"] = _deduplication_id(event, attributes)
    return entry


def of_dead_letter(message: Message, failure: dict[str, Any]) -> dict[str, Any]:
    """What goes into a DLQ beside the body.

    The reason travels in one attribute, `failure`, because SQS allows ten; what does not
    fit beside it travels inside.
    """
    own = {
        name: value for name, value in message.attributes.items() if name != "failure"
    }
    beside, inside = dict(list(own.items())[:9]), dict(list(own.items())[9:])
    reason = {
        **failure,
        "message_id": message.id,
        "sent_at": message.sent_at.isoformat(),
        "attributes": inside,
    }
    attributes = {**beside, "failure": json.dumps(reason)}
    return {
        "MessageAttributes": _wire(attributes),
        **on_fifo(message.queue, message.group, message.id),
    }


def on_fifo(queue: str, group: str, deduplication_id: str) -> dict[str, Any]:
    """What sending needs on a FIFO queue, and only there. *queue* is a source queue."""
    if not QUEUES[queue].fifo:
        return {}
    return {"MessageGroupId": group, "MessageDeduplicationId": deduplication_id}


def _deduplication_id(event: Event, attributes: dict[str, str]) -> str:
    """What SQS drops a second copy by, for five minutes, on a FIFO queue.

    Equal for whoever sends the same request again: a client, the spool, a resend. It
    differs for other content under the same request id (a conflict that must be told) and
    for a redrive, which has to arrive. The fingerprint holds the type and the order id.
    """
    sent = (event.id, event.fingerprint, attributes.get("redrive", ""))
    return hashlib.sha256("/".join(sent).encode()).hexdigest()


def _wire(attributes: dict[str, str]) -> dict[str, Any]:
    return {
        name: {"DataType": "String", "StringValue": value}
        for name, value in attributes.items()
        if value  # SQS refuses an empty one
    }


def size(entry: dict[str, Any]) -> int:
    """Bytes as SQS counts them: the body, and each attribute's name, type and value."""
    return len(entry["MessageBody"].encode()) + sum(
        len(name.encode()) + len("String") + len(value["StringValue"].encode())
        for name, value in entry["MessageAttributes"].items()
    )


def check_size(entry: dict[str, Any]) -> int:
    """Its size. Raises TooLargeError."""
    if (taken := size(entry)) > MAX_MESSAGE_BYTES:
        raise TooLargeError(
            f"The request takes {taken:,} bytes; at most {MAX_MESSAGE_BYTES:,} are possible."
        )
    return taken
