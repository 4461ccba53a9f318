"""Receive, hide, delete and count messages on SQS. Sending is in publisher.py.

The calls go through boto3, or through curl_client.py where a person waits for the answer
or there are many.
The worker does not receive here: Celery polls through worker/transport.py.
"""

import functools
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from processing.sqs import access, boto3_clients, call_counter, credentials, refusals
from processing.sqs.at_once import at_once
from processing.sqs.curl_client import QuickSQS
from processing.sqs.message import SYSTEM_ATTRIBUTES, Message, message_from
from processing.sqs.topology import QUEUES

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

BATCH = 10  # SQS: entries in one batch call, messages in one receive
#: The errors of receive and delete, when SQS does not answer or refuses.
SQS_ERRORS = (ClientError, BotoCoreError)


def client() -> "SQSClient":
    """The SQS client of this process. Thread safe; a forked child gets its own."""
    return _client(os.getpid(), settings.SQS_ENDPOINT_URL)


def sender() -> QuickSQS:
    """The curl client for callers that wait; thread-safe, one per process."""
    return _sender(os.getpid(), settings.SQS_ENDPOINT_URL)


def reached() -> access.Access:
    """The connection settings for curl in this process."""
    return _access(os.getpid(), settings.SQS_ENDPOINT_URL)


def warm_up() -> None:
    """Prepare the clients of a new process.

    Waits for credentials, so that no later call has to.
    """
    try:
        sender()
        reached().credentials.within(credentials.PATIENCE)
    except SQS_ERRORS as error:
        refusals.log(error, "all", "start")


@functools.cache
def _sender(pid: int, endpoint: str) -> QuickSQS:
    return QuickSQS(_access(pid, endpoint))


@functools.cache
def _access(pid: int, endpoint: str) -> access.Access:
    where = client().meta.endpoint_url  # as boto3 resolves it from its settings
    return access.settled(where, settings.AWS_REGION, _credentials(endpoint))


def _credentials(endpoint: str) -> credentials.Steady:
    return access.LOCAL if endpoint else credentials.of_this_process()


@functools.cache
def _client(pid: int, endpoint: str) -> "SQSClient":
    made: SQSClient = boto3_clients.make(
        "sqs", endpoint, _credentials(endpoint), access.WORKING
    )
    made.meta.events.register("before-send.sqs", call_counter.count_boto3)
    return made


def forget() -> None:
    """Drop the connections, after SQS's address has changed."""
    for kept in (_client, _access, _sender):
        kept.cache_clear()


def url(queue: str) -> str:
    return str(settings.SQS_QUEUE_URLS[queue])


def receive(
    queue: str, *, limit: int = BATCH, wait: int = 0, visibility: int = 60
) -> list[Message]:
    """Up to *limit* (1-10) messages, invisible to others for *visibility* seconds."""
    answer = sender().receive_message(
        QueueUrl=url(queue),
        MaxNumberOfMessages=limit,
        WaitTimeSeconds=wait,
        VisibilityTimeout=visibility,
        MessageAttributeNames=[".*"],
        MessageSystemAttributeNames=SYSTEM_ATTRIBUTES,
    )
    return [message_from(queue, raw) for raw in answer.get("Messages", [])]


def delete(queue: str, receipt_handles: Sequence[str]) -> list[str]:
    """Delete by DeleteMessageBatch; return the handles that SQS did not delete."""
    batches = _batches(receipt_handles)
    left = at_once(functools.partial(_delete_batch, queue), batches)
    return [handle for handles in left for handle in handles]


def _batches(handles: Sequence[str]) -> list[Sequence[str]]:
    return [handles[start : start + BATCH] for start in range(0, len(handles), BATCH)]


def _delete_batch(queue: str, handles: Sequence[str]) -> list[str]:
    answer = sender().delete_message_batch(
        QueueUrl=url(queue),
        Entries=[
            {"Id": str(number), "ReceiptHandle": handle}
            for number, handle in enumerate(handles)
        ],
    )
    failed = answer.get("Failed", [])
    for one in failed:
        logger.warning("queue=%s not_deleted=%s", queue, one["Code"])
    return [handles[int(one["Id"])] for one in failed]


def hide(queue: str, receipt_handle: str, seconds: int) -> None:
    """Keep a received message invisible for *seconds* from now (0-43,200)."""
    client().change_message_visibility(
        QueueUrl=url(queue), ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
    )


def hide_many(queue: str, receipt_handles: Sequence[str], seconds: int) -> bool:
    """Like `hide`, by ChangeMessageVisibilityBatch; whether SQS took every call.

    Failures are logged, also those of a single message. Each call is tried once, with a
    short time limit, and several are made at once, because other messages wait for theirs.
    """
    call = functools.partial(_hide_batch, queue, seconds)
    return all(at_once(call, _batches(receipt_handles)))


def _hide_batch(queue: str, seconds: int, handles: Sequence[str]) -> bool:
    try:
        answer = sender().change_message_visibility_batch(
            QueueUrl=url(queue),
            Entries=[
                {
                    "Id": str(number),
                    "ReceiptHandle": handle,
                    "VisibilityTimeout": seconds,
                }
                for number, handle in enumerate(handles)
            ],
        )
    except SQS_ERRORS as error:
        refusals.log(error, queue, "ChangeMessageVisibilityBatch")
        return False
    for failed in answer.get("Failed", []):
        logger.warning("queue=%s not_hidden=%s", queue, failed["Code"])
    return True


def backoff(receive_count: int) -> int:
    """Seconds until a message that failed is tried again: min(300, base x 2^(n-1)).

    The base, RETRY_BACKOFF_BASE_SECONDS, is 30 s in production: a dependency that was down
    for a moment is back by then.
    """
    seconds = settings.RETRY_BACKOFF_BASE_SECONDS * 2 ** (min(receive_count, 20) - 1)
    return int(min(300, seconds))


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages in a queue, as SQS estimates them."""

    visible: int
    in_flight: int


def depth(queue: str) -> Depth:
    answer = sender().get_queue_attributes(  # a page waits for it
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


@dataclass(frozen=True, slots=True)
class Depths:
    """The depths of the declared queues and their DLQs.

    A refusal concerns one queue only.
    """

    known: dict[str, Depth]
    refused: dict[str, str]
    """SQS's error code for each queue that it refuses to count."""


def depths() -> Depths:
    """Count the messages of all queues. Raises BotoCoreError if SQS does not answer."""
    found = Depths({}, {})
    for queue in QUEUES.values():
        for name in (queue.name, queue.dlq):
            try:
                found.known[name] = depth(name)
            except ClientError as error:
                found.refused[name] = refusals.code(error)
    return found


def ping() -> None:
    """Make a small call to SQS, with the time limit of a send.

    Raises one of SQS_ERRORS. An answer that the queue does not exist counts as success,
    because SQS is up.
    """
    try:
        sender().get_queue_attributes(QueueUrl=url("jobs"), AttributeNames=["QueueArn"])
    except ClientError as error:
        if refusals.code(error) not in refusals.NO_SUCH_QUEUE:
            raise
