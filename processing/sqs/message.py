"""A message as SQS delivered it."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from processing.events import timestamps
from processing.events.attributes import FAILURE, REDRIVE, Attributes
from processing.events.envelope import is_request_id
from processing.tracing.context import TRACEPARENT, Trace

logger = logging.getLogger(__name__)

#: The system attributes that ReceiveMessage returns with each message.
SYSTEM_ATTRIBUTES = [
    "ApproximateReceiveCount",
    "SentTimestamp",
    "MessageGroupId",
    "DeadLetterQueueSourceArn",
    "AWSTraceHeader",
]


@dataclass(frozen=True, slots=True)
class Message:
    """One received message. `queue` is our name of the queue it came from."""

    queue: str
    id: str
    body: str = field(repr=False)  # may name a person
    receipt_handle: str
    receive_count: int
    sent_at: datetime
    attributes: dict[str, str]
    """The text of each; of a binary one, base64."""
    types: dict[str, str] = field(default_factory=dict)
    """The types of those that are not String."""
    group: str = field(default="", repr=False)
    moved_by_sqs: bool = False
    """The redrive policy moved it to its DLQ; no worker sent it there."""

    @property
    def length(self) -> int:
        """Characters of its body and attributes: either may have a MiB."""
        return len(self.body) + sum(map(len, self.attributes.values()))

    @property
    def beside(self) -> Attributes:
        return Attributes(self.attributes, self.types)

    @property
    def trace(self) -> Trace | None:
        """The trace that it belongs to."""
        return Trace.beside(self.attributes)

    @property
    def failed_trace(self) -> Trace | None:
        """Of a redrive: the trace in which the event failed."""
        return Trace.beside(self.beside.content_of(REDRIVE))

    @property
    def first_sent_at(self) -> datetime:
        """When its producer sent it. SQS stamps a message anew each time it is sent on."""
        noted = self.beside.content_of(FAILURE).get("sent_at")
        return min(timestamps.past(noted) or self.sent_at, self.sent_at)

    @property
    def named_id(self) -> str:
        """The request id in the message attributes, else SQS's message id.

        A message that is moved out of a DLQ gets a new message id. Its first id is then in
        the reason that the worker attached.
        """
        named = [self.attributes.get(name) for name in ("request_id", "RequestId")]
        if FAILURE in self.attributes:
            named.append(self.beside.content_of(FAILURE).get("request_id"))
        return next(filter(is_request_id, named), None) or self.id


def messages_in(queue: str, answer: Mapping[str, Any]) -> Iterator[Message]:
    """The messages of an *answer* to ReceiveMessage. One that cannot be read is logged."""
    for raw in answer.get("Messages") or []:
        try:
            yield message_from(queue, raw)
        except Exception as error:  # of any kind: the other messages must go on
            logger.error("queue=%s not_a_message=%s", queue, type(error).__name__)


def message_from(queue: str, raw: Any) -> Message:
    """The message *raw* of an answer to ReceiveMessage; any attribute may be missing."""
    system = raw.get("Attributes") or {}
    sent = int(system.get("SentTimestamp", 0)) / 1000
    beside = Attributes.received(raw.get("MessageAttributes") or {})
    beside |= _trace_of_aws(beside, system.get("AWSTraceHeader", ""))
    return Message(
        queue=queue,
        id=raw["MessageId"],
        body=raw.get("Body") or "",
        receipt_handle=raw["ReceiptHandle"],
        receive_count=int(system.get("ApproximateReceiveCount", 1)),
        sent_at=datetime.fromtimestamp(sent, UTC) if sent else datetime.now(UTC),
        attributes=beside.texts,
        types=beside.types,
        group=system.get("MessageGroupId", ""),
        moved_by_sqs="DeadLetterQueueSourceArn" in system,
    )


def _trace_of_aws(beside: Attributes, header: str) -> Attributes:
    """The traceparent that *header* stands for, unless the producer gave one.

    AWS's own services and X-Ray tell their trace in that system attribute. SQS drops it when
    a message is sent on, into a DLQ or by a redrive, and keeps an attribute.
    """
    if not header or TRACEPARENT in beside.texts:
        return Attributes()
    trace = Trace.of_xray(header)
    return Attributes(trace.attributes if trace else {})
