"""Count the calls to SQS, of all three ways (docs/architecture.md)."""

from typing import Any

from processing.board import Counter

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


def count(action: str) -> None:
    SQS_CALLS.count(action if action in ACTIONS else OTHER)


def count_boto3(request: Any, event_name: str, **_: Any) -> None:
    """A handler of botocore's event `before-send.sqs.ACTION`, once for each try."""
    count(event_name.rpartition(".")[2])
