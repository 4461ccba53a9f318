"""The attributes of the queues, declared once.

`provision` creates queues with them and compares queues with them; `processing.infrastructure`
renders templates from them. A value is a number, a switch, a text or a policy; ARNs come from
the caller, because a template names them by reference. Imports the topology alone.
"""

from dataclasses import dataclass
from typing import Any

from processing.sqs.topology import MAX_MESSAGE_BYTES, Queue

Attributes = dict[str, Any]
TAGS = {"project": "holdfast"}
#: A busy group does not slow the others.
HIGH_THROUGHPUT = {
    "FifoQueue": True,
    "ContentBasedDeduplication": False,
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say of every source queue."""

    max_receive_count: int
    wait_seconds: int


def of_source(queue: Queue, limits: Limits, dlq_arn: Any) -> Attributes:
    return {
        "VisibilityTimeout": queue.visibility_timeout,
        "MessageRetentionPeriod": queue.retention,
        "ReceiveMessageWaitTimeSeconds": limits.wait_seconds,
        "RedrivePolicy": {
            "deadLetterTargetArn": dlq_arn,
            "maxReceiveCount": limits.max_receive_count,
        },
        **_of_both(queue),
    }


def of_dlq(queue: Queue, source_arn: Any) -> Attributes:
    """Only the own source may put messages there: anything else would be pulled as its own."""
    return {
        "VisibilityTimeout": queue.dlq_visibility_timeout,
        "MessageRetentionPeriod": queue.dlq_retention,
        "RedriveAllowPolicy": {
            "redrivePermission": "byQueue",
            "sourceQueueArns": [source_arn],
        },
        **_of_both(queue),
    }


def encryption(kms_key: str) -> Attributes:
    """SSE-KMS with *kms_key*, SSE-SQS without one; SQS refuses both at once."""
    return {"KmsMasterKeyId": kms_key} if kms_key else {"SqsManagedSseEnabled": True}


def _of_both(queue: Queue) -> Attributes:
    return {
        "DelaySeconds": 0,
        "MaximumMessageSize": MAX_MESSAGE_BYTES,
        **(HIGH_THROUGHPUT if queue.fifo else {}),
    }
