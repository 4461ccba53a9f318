"""SQS. The only module that talks to it, beside the transport that Celery reads through.

Sending happens inside a web request, so it waits about 1.3 s at the very most and is tried
once: the spool, not a retry, takes what SQS does not. A timeout may mean "sent": whoever
sends again uses the same request id.
"""

import functools
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from processing.events import Event
from processing.topology import MAX_MESSAGE_BYTES, QUEUES

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

BATCH = 10  # SQS: entries in one batch call, messages in one receive
#: Codes SQS answers for a message that it will refuse again, whenever it is sent.
_REFUSED_FOR_GOOD = {
    "InvalidMessageContents",
    "InvalidParameterValue",
    "InvalidAttributeValue",
    "MessageTooLong",
}
#: What receiving and deleting raise when SQS does not answer or refuses.
SQS_ERRORS = (ClientError, BotoCoreError)
_SENDING = Config(
    connect_timeout=0.4, read_timeout=0.9, retries={"total_max_attempts": 1}
)
_WORKING = Config(
    connect_timeout=3,
    read_timeout=30,  # above the longest long poll, 20 s
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
)


class SendError(Exception):
    """SQS did not confirm the message; it may or may not have taken it.

    `for_good` is true where SQS would refuse the same message again.
    """

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        self.for_good = for_good
        super().__init__(reason)


class TooLargeError(ValueError):
    """The event is larger than one SQS message may be; shorten it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one event of a batch: a message id, or the error."""

    event: Event
    message_id: str | None = None
    error: SendError | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One received message. `queue` is our name of the queue it came from."""

    queue: str
    id: str
    body: str
    receipt_handle: str
    receive_count: int
    sent_at: datetime
    attributes: dict[str, str]


def client(config: Config = _WORKING) -> "SQSClient":
    """The SQS client of this process. Thread safe; a forked child gets its own."""
    return _client(os.getpid(), settings.SQS_ENDPOINT_URL, config)


@functools.cache
def _client(pid: int, endpoint: str, config: Config) -> "SQSClient":
    # A local server takes any credentials, but botocore insists on some.
    key = "local" if endpoint else None
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=key).client(
        "sqs",
        region_name=settings.AWS_REGION,
        endpoint_url=endpoint or None,
        config=config,
    )


def url(queue: str) -> str:
    return str(settings.SQS_QUEUE_URLS[queue])


# -- Sending ------------------------------------------------------------------------
def check_size(event: Event) -> None:
    """Raises TooLargeError before the event is accepted, never after."""
    size = _size(_entry(event, {}))
    if size > MAX_MESSAGE_BYTES:
        raise TooLargeError(
            f"The request takes {size:,} bytes; at most {MAX_MESSAGE_BYTES:,} are possible."
        )


def publish(event: Event, **attributes: str) -> str:
    """Put one event on its queue and return the SQS message id. Raises SendError."""
    try:
        answer = client(_SENDING).send_message(
            QueueUrl=url(event.queue), **_entry(event, attributes)
        )
    except (ClientError, BotoCoreError) as error:
        raise _send_error(error) from None
    return answer["MessageId"]


def send_job(name: str, job_id: str, arguments: dict[str, Any]) -> None:
    """Put one internal job on the jobs queue. Raises SendError."""
    body = json.dumps({"id": job_id, "job": name, "arguments": arguments})
    try:
        client(_SENDING).send_message(QueueUrl=url("jobs"), MessageBody=body)
    except (ClientError, BotoCoreError) as error:
        raise _send_error(error) from None


def publish_many(
    events: Iterable[Event], attributes: Sequence[dict[str, str]] = ()
) -> list[Sent]:
    """Put events on their queues by SendMessageBatch; one result an event, in order.

    *attributes*, where given, are one dict an event.

    Never raises for a send: each event that SQS did not confirm carries its SendError.
    """
    ordered = list(events)
    results: dict[int, Sent] = {}
    for queue in {event.queue for event in ordered}:
        entries = [
            (number, _entry(event, attributes[number] if attributes else {}))
            for number, event in enumerate(ordered)
            if event.queue == queue
        ]
        for batch in _batches(entries):
            results.update(_send_batch(queue, batch, ordered))
    return [results[number] for number in range(len(ordered))]


def _send_batch(
    queue: str, batch: Sequence[tuple[int, dict[str, Any]]], events: Sequence[Event]
) -> Iterator[tuple[int, Sent]]:
    try:
        answer = client(_SENDING).send_message_batch(
            QueueUrl=url(queue),
            Entries=[{"Id": str(number), **entry} for number, entry in batch],  # type: ignore[typeddict-item]
        )
    except (ClientError, BotoCoreError) as error:
        for number, _ in batch:
            yield number, Sent(events[number], error=_send_error(error))
        return
    for good in answer.get("Successful", []):
        yield (
            int(good["Id"]),
            Sent(events[int(good["Id"])], message_id=good["MessageId"]),
        )
    for bad in answer.get("Failed", []):
        refused = SendError(bad["Code"], for_good=bad["Code"] in _REFUSED_FOR_GOOD)
        yield int(bad["Id"]), Sent(events[int(bad["Id"])], error=refused)


def _batches(
    entries: Sequence[tuple[int, dict[str, Any]]],
) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    batch: list[tuple[int, dict[str, Any]]] = []
    room = MAX_MESSAGE_BYTES
    for number, entry in entries:
        size = _size(entry)
        if batch and (len(batch) == BATCH or size > room):
            yield batch
            batch, room = [], MAX_MESSAGE_BYTES
        batch.append((number, entry))
        room -= size
    if batch:
        yield batch


def _entry(event: Event, attributes: dict[str, str]) -> dict[str, Any]:
    named = {
        "type": event.type,
        "request_id": event.id,
        "correlation_id": event.correlation_id,
        **attributes,
    }
    return {
        "MessageBody": event.body,
        "MessageAttributes": _wire(named),
        # On a standard queue this makes SQS share its workers fairly among customers.
        "MessageGroupId": event.data.group[:128].replace(" ", "_"),
    }


def _wire(attributes: dict[str, str]) -> dict[str, Any]:
    return {
        name: {"DataType": "String", "StringValue": value}
        for name, value in attributes.items()
    }


def _size(entry: dict[str, Any]) -> int:
    """Bytes as SQS counts them: the body, and each attribute's name, type and value."""
    return len(entry["MessageBody"].encode()) + sum(
        len(name.encode()) + len("String") + len(value["StringValue"].encode())
        for name, value in entry["MessageAttributes"].items()
    )


def _send_error(error: ClientError | BotoCoreError) -> SendError:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"].rpartition(".")[2]
        return SendError(code, for_good=code in _REFUSED_FOR_GOOD)
    return SendError(type(error).__name__)


# -- Receiving ----------------------------------------------------------------------
def receive(
    queue: str, *, limit: int = BATCH, wait: int = 0, visibility: int = 60
) -> list[Message]:
    """Up to *limit* (1-10) messages, invisible to others for *visibility* seconds."""
    answer = client().receive_message(
        QueueUrl=url(queue),
        MaxNumberOfMessages=limit,
        WaitTimeSeconds=wait,
        VisibilityTimeout=visibility,
        MessageAttributeNames=[".*"],
        MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
    )
    return [message_from(queue, raw) for raw in answer.get("Messages", [])]


def message_from(queue: str, raw: Any) -> Message:
    """Our Message from what ReceiveMessage answered, which may lack any attribute."""
    system = raw.get("Attributes") or {}
    sent = int(system.get("SentTimestamp", 0)) / 1000
    return Message(
        queue=queue,
        id=raw["MessageId"],
        body=raw.get("Body") or "",
        receipt_handle=raw["ReceiptHandle"],
        receive_count=int(system.get("ApproximateReceiveCount", 1)),
        sent_at=datetime.fromtimestamp(sent, UTC) if sent else datetime.now(UTC),
        attributes={
            name: value.get("StringValue", "")
            for name, value in (raw.get("MessageAttributes") or {}).items()
        },
    )


def delete(queue: str, receipt_handles: Sequence[str]) -> list[str]:
    """Delete by DeleteMessageBatch; return the handles that SQS did not delete."""
    left = []
    for start in range(0, len(receipt_handles), BATCH):
        handles = receipt_handles[start : start + BATCH]
        answer = client().delete_message_batch(
            QueueUrl=url(queue),
            Entries=[
                {"Id": str(number), "ReceiptHandle": handle}
                for number, handle in enumerate(handles)
            ],
        )
        for failed in answer.get("Failed", []):
            logger.warning("queue=%s not_deleted=%s", queue, failed["Code"])
            left.append(handles[int(failed["Id"])])
    return left


def hide(queue: str, receipt_handle: str, seconds: int) -> None:
    """Keep a received message invisible for *seconds* from now (0-43,200)."""
    client().change_message_visibility(
        QueueUrl=url(queue), ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
    )


def backoff(receive_count: int) -> int:
    """Seconds until a message that failed is tried again: min(300, base x 2^(n-1)).

    The base is 30 s in production (mission row 12).
    """
    seconds = settings.RETRY_BACKOFF_BASE_SECONDS * 2 ** (min(receive_count, 20) - 1)
    return int(min(300, seconds))


def dead_letter(message: Message, failure: dict[str, Any]) -> None:
    """Send a message to its DLQ at once, byte for byte, with the reason beside it.

    The reason travels in one attribute, `failure`, because SQS allows ten; what does not
    fit beside it travels inside. Raises SendError (the caller then leaves the message to
    the redrive policy).
    """
    kept = dict(list(message.attributes.items())[:9])
    failure = {
        **failure,
        "message_id": message.id,
        "sent_at": message.sent_at.isoformat(),
    }
    kept.pop("failure", None)
    kept["failure"] = json.dumps(failure)
    try:
        client(_SENDING).send_message(
            QueueUrl=url(QUEUES[message.queue].dlq),
            MessageBody=message.body,
            MessageAttributes=_wire(
                {name: value for name, value in kept.items() if value}
            ),
        )
    except (ClientError, BotoCoreError) as error:
        raise _send_error(error) from None


# -- Looking ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Depth:
    """Messages in a queue, as SQS estimates them."""

    visible: int
    in_flight: int


def depth(queue: str) -> Depth:
    answer = client(_SENDING).get_queue_attributes(  # a page waits for it
        QueueUrl=url(queue),
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )["Attributes"]
    return Depth(
        visible=int(answer["ApproximateNumberOfMessages"]),
        in_flight=int(answer["ApproximateNumberOfMessagesNotVisible"]),
    )
