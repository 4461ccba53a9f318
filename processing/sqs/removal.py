"""Delete what `ensure_queues` made, in development.

Only the names that `ensure_queues` gives: the prefix, a declared queue, perhaps `.fifo`. So
`holdfast-` never reaches `holdfast-staging-orders`. A deleted queue takes its messages along.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from django.conf import settings

from processing.sqs import queues, refusals
from processing.sqs.topology import QUEUES

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_COUNTS: "tuple[QueueAttributeNameType, ...]" = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class RemovalRefusedError(Exception):
    """The sentence says why nothing is deleted, and what would let it."""


@dataclass(frozen=True, slots=True)
class Made:
    """A queue that exists, under the name that `ensure_queues` gives."""

    url: str
    messages: int
    """Visible, in flight and delayed, as SQS estimates them."""

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def made_queues(*, allow_aws: bool) -> list[Made]:
    """Sources first, then DLQs. Raises RemovalRefusedError, or one of SQS_ERRORS."""
    if not settings.SQS_QUEUE_PREFIX.strip():
        raise RemovalRefusedError(
            "SQS_QUEUE_PREFIX is empty, so these names may be anybody's. Set it, or delete"
            " the queues by hand."
        )
    if not _is_of_development() and not allow_aws:
        raise RemovalRefusedError(
            "This may delete queues in a real AWS account. Add --allow-aws if you mean it."
        )
    where = queues.url("jobs").rpartition("/")[0]
    names = [queue.name for queue in QUEUES.values()]
    names += [queue.dlq for queue in QUEUES.values()]
    urls = [
        f"{where}/{settings.SQS_QUEUE_PREFIX}{name}{suffix}"
        for name in names
        for suffix in ("", ".fifo")
    ]
    return [one for url in urls if (one := _found(url)) is not None]


def _is_of_development() -> bool:
    """AWS has many domains, and all with its name; a server of our own speaks plain HTTP."""
    where = urlsplit(settings.SQS_ENDPOINT_URL)
    return where.scheme == "http" and "aws" not in (where.hostname or "aws")


def _found(url: str) -> Made | None:
    try:
        answer = queues.client().get_queue_attributes(
            QueueUrl=url, AttributeNames=_COUNTS
        )
    except ClientError as error:
        if refusals.code(error) in refusals.NO_SUCH_QUEUE:
            return None
        raise
    return Made(url, sum(int(answer["Attributes"].get(one, "0")) for one in _COUNTS))


def refuse_messages(made: Sequence[Made]) -> None:
    """Raises RemovalRefusedError if a queue is not empty."""
    full = [f"{one.name} ({one.messages})" for one in made if one.messages]
    if full:
        raise RemovalRefusedError(
            f"These queues hold messages: {', '.join(full)}. Process or pull them first,"
            " or add --with-messages to lose them."
        )


def delete(made: Sequence[Made]) -> None:
    for one in made:
        queues.client().delete_queue(QueueUrl=one.url)
