"""Count the calls to SQS, of all three ways (docs/architecture.md), and those held back."""

from typing import Any

from processing.board import Counter
from processing.sqs.topology import QUEUES

OTHER = "Other"
ACTIONS = (
    "SendMessage",
    "SendMessageBatch",
    "ReceiveMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "GetQueueAttributes",
    OTHER,
)
SQS_CALLS = Counter(
    "holdfast_sqs_calls_total",
    "Requests to SQS, also those without an answer; SQS charges for each.",
    action=ACTIONS,
)
CIRCUIT_OPEN = Counter(
    "holdfast_circuit_open_total",
    "Sends that an open circuit breaker held back, or that opened it: SQS does not take"
    " the events, and the spool does.",
    queue=QUEUES,
)


def count(action: str) -> None:
    SQS_CALLS.count(action if action in ACTIONS else OTHER)


def count_boto3(request: Any, event_name: str, **_: Any) -> None:
    """A handler of botocore's event `before-send.sqs.ACTION`, once for each try."""
    count(event_name.rpartition(".")[2])
