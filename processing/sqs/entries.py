"""The entries of SendMessageBatch: body, attributes, group, deduplication; and their size.

An entry is what SendMessageBatch takes for one message, without its Id.
"""

import hashlib
import json
from typing import Any

from processing.events.attributes import FAILURE, MOST, REDRIVE, Attributes
from processing.events.attributes import size as size_of
from processing.events.envelope import Event
from processing.sqs.message import Message
from processing.sqs.topology import MAX_MESSAGE_BYTES, QUEUES
from processing.tracing.context import TRACEPARENT, TRACESTATE


class TooLargeError(ValueError):
    """The event is larger than one SQS message may be; shorten it."""


def of_event(event: Event, beside: Attributes, queue: str) -> dict[str, Any]:
    """The entry that puts *event* on *queue*.

    Its attributes are *beside* and the event's ids. The body holds the ids too, so they are
    left out if there are ten other attributes. A trace for which there is no room is left
    out too: its tracestate, then its traceparent, then that in the mark of a redrive.
    """
    usual = {
        "type": event.type,
        "request_id": event.id,
        "correlation_id": event.correlation_id,
    }
    named = {name: one for name, one in beside.wire.items() if name not in usual}
    for name, text in list(usual.items())[: MOST - len(named)]:
        named[name] = {"DataType": "String", "StringValue": text}
    # On a standard queue the group makes SQS share its workers fairly among customers.
    group = event.data.group[:128].replace(" ", "_")
    entry = {
        "MessageBody": event.body,
        "MessageAttributes": named,
        "MessageGroupId": group,
    }
    if QUEUES[queue].fifo:
        entry["MessageDeduplicationId"] = _deduplication_id(event, beside)
    if TRACEPARENT in named:
        _leave_trace_out_if_too_large(entry)
    return entry


def _leave_trace_out_if_too_large(entry: dict[str, Any]) -> None:
    named = entry["MessageAttributes"]
    for name in (TRACESTATE, TRACEPARENT):
        if size(entry) > MAX_MESSAGE_BYTES:
            named.pop(name, None)
    if REDRIVE in named and size(entry) > MAX_MESSAGE_BYTES:
        named[REDRIVE] |= {"StringValue": _untraced(named[REDRIVE]["StringValue"])}


def _untraced(redrive: str) -> str:
    """The mark *redrive* without the trace in which the event failed."""
    mark = Attributes({REDRIVE: redrive}).content_of(REDRIVE)
    return json.dumps({name: mark[name] for name in mark if name != TRACEPARENT})


def of_dead_letter(message: Message, failure: dict[str, Any]) -> dict[str, Any]:
    """The entry that puts *message* into its DLQ, with the reason as an attribute.

    Raises TooLargeError if even the shortest reason does not fit beside the body.
    """
    own = message.beside.unpacked(FAILURE)
    reason = {
        **failure,
        "message_id": message.id,
        "sent_at": message.first_sent_at.isoformat(),
    }
    entry = {
        "MessageBody": message.body,
        **on_fifo(message.queue, message.group, message.id),
    }
    for longest in (None, 200, 0):
        reason["error_text"] = failure.get("error_text", "")[:longest]
        entry["MessageAttributes"] = own.packed(FAILURE, reason).wire
        if size(entry) <= MAX_MESSAGE_BYTES:
            return entry
    check_size(entry)
    return entry


def on_fifo(queue: str, group: str, deduplication_id: str) -> dict[str, Any]:
    """The fields that a FIFO queue needs. *queue* is a source queue."""
    if not QUEUES[queue].fifo:
        return {}
    return {"MessageGroupId": group, "MessageDeduplicationId": deduplication_id}


def _deduplication_id(event: Event, beside: Attributes) -> str:
    """The key by which a FIFO queue drops a second copy for five minutes.

    It is equal for each copy of a request, sent by a client, the spool or a resend. It
    differs for other content under the same request id (a conflict that must be told) and
    for a redrive, which has to arrive. The fingerprint holds the type and the order id.
    """
    sent = (event.id, event.fingerprint, beside.texts.get(REDRIVE, ""))
    return hashlib.sha256("/".join(sent).encode()).hexdigest()


def size(entry: dict[str, Any]) -> int:
    """Bytes as SQS counts them: the body, and the attributes."""
    body = len(entry["MessageBody"].encode("utf-8", "surrogatepass"))
    return body + size_of(entry["MessageAttributes"])


def check_size(entry: dict[str, Any]) -> int:
    """Its size. Raises TooLargeError."""
    if (taken := size(entry)) > MAX_MESSAGE_BYTES:
        raise TooLargeError(
            f"The request takes {taken:,} bytes; at most {MAX_MESSAGE_BYTES:,} are possible."
        )
    return taken
