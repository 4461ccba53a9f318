"""Create the declared queues and report where existing ones differ.

Never deletes and never changes an existing queue: in production the infrastructure
templates do that, and here a difference is something to look at. A queue may be encrypted
with a key of its own instead of SQS's.
"""

import json
from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings

from processing.sqs import queues, refusals
from processing.sqs.topology import MAX_MESSAGE_BYTES, QUEUES, Queue


class RealAWSError(Exception):
    """SQS_ENDPOINT_URL is empty, so this would create queues in a real AWS account."""


def ensure_queues(*, allow_aws: bool = False, create: bool = True) -> list[str]:
    """Create what is missing; return one line a difference (drift), none when all is well.

    Raises RealAWSError unless the endpoint is a local one or *allow_aws* is given.
    """
    if not settings.SQS_ENDPOINT_URL and create and not allow_aws:
        raise RealAWSError(RealAWSError.__doc__)
    drift: list[str] = []
    for queue in QUEUES.values():
        try:
            drift += _ensure(queue.dlq, _dlq_attributes(queue), create)
            drift += _dlq_drift(queue)
        except ClientError as error:
            drift.append(_refused(queue.dlq, error))
        try:
            drift += _ensure(queue.name, _source_attributes(queue), create)
        except ClientError as error:
            drift.append(_refused(queue.name, error))
    return drift


def _refused(name: str, error: ClientError) -> str:
    return f"{name}: SQS refuses to show it ({refusals.code(error)})"


def _ensure(name: str, wanted: dict[str, str], create: bool) -> list[str]:
    found = _attributes(name)
    if found is None:
        if not create:
            return [f"{name}: does not exist"]
        queues.client().create_queue(
            QueueName=_sqs_name(name),
            Attributes=wanted,  # type: ignore[arg-type]
            tags={"project": "holdfast"},
        )
        return []
    if found.get("KmsMasterKeyId"):
        wanted = {**wanted, "SqsManagedSseEnabled": "false"}
    return [
        f"{name}: {key} is {found.get(key)}, declared is {value}"
        for key, value in wanted.items()
        if _comparable(found.get(key)) != _comparable(value)
    ]


def _dlq_drift(queue: Queue) -> list[str]:
    """Attributes that a DLQ must not have, because failed messages would not stay there."""
    found = _attributes(queue.dlq) or {}
    drift = []
    if "RedrivePolicy" in found:
        drift.append(
            f"{queue.dlq}: RedrivePolicy is {found['RedrivePolicy']}, declared is none"
        )
    allowed = json.loads(found.get("RedriveAllowPolicy") or "{}")
    permission = allowed.get("redrivePermission", "allowAll")
    named = _arn(queue.name) in allowed.get("sourceQueueArns", ())
    if permission == "denyAll" or (permission == "byQueue" and not named):
        drift.append(
            f"{queue.dlq}: RedriveAllowPolicy is {found['RedriveAllowPolicy']}, which"
            f" keeps out what fails in {queue.name}"
        )
    return drift


def _sqs_name(name: str) -> str:
    return queues.url(name).rpartition("/")[2]


def _arn(name: str) -> str:
    where = f"{settings.AWS_REGION}:{settings.AWS_ACCOUNT_ID}"
    return f"arn:aws:sqs:{where}:{_sqs_name(name)}"


def _attributes(name: str) -> dict[str, str] | None:
    try:
        answer = queues.client().get_queue_attributes(
            QueueUrl=queues.url(name), AttributeNames=["All"]
        )
    except ClientError as error:
        if refusals.code(error) in refusals.NO_SUCH_QUEUE:
            return None
        raise
    return {str(key): value for key, value in answer["Attributes"].items()}


def _comparable(value: str | None) -> Any:
    """Policies are JSON; some servers answer its numbers as text."""
    if value is None or not value.startswith("{"):
        return value
    return {key: str(part) for key, part in json.loads(value).items()}


def _source_attributes(queue: Queue) -> dict[str, str]:
    redrive_policy = {
        "deadLetterTargetArn": _arn(queue.dlq),
        "maxReceiveCount": settings.SQS_MAX_RECEIVE_COUNT,
    }
    return {
        "VisibilityTimeout": str(queue.visibility_timeout),
        "DelaySeconds": "0",
        "MessageRetentionPeriod": str(queue.retention),
        "ReceiveMessageWaitTimeSeconds": str(settings.SQS_WAIT_SECONDS),
        "MaximumMessageSize": str(MAX_MESSAGE_BYTES),
        "SqsManagedSseEnabled": "true",
        "RedrivePolicy": json.dumps(redrive_policy),
        **_fifo_attributes(queue),
    }


def _dlq_attributes(queue: Queue) -> dict[str, str]:
    return {
        "VisibilityTimeout": str(queue.dlq_visibility_timeout),
        "DelaySeconds": "0",
        "MessageRetentionPeriod": str(queue.dlq_retention),
        "MaximumMessageSize": str(MAX_MESSAGE_BYTES),
        "SqsManagedSseEnabled": "true",
        **_fifo_attributes(queue),
    }


def _fifo_attributes(queue: Queue) -> dict[str, str]:
    """High throughput: a busy group does not slow the others."""
    if not queue.fifo:
        return {}
    return {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    }
