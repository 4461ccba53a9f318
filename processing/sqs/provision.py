"""Create the declared queues and report where existing ones differ.

Never deletes and never changes an existing queue: in production the infrastructure
templates do that, and here a difference is something to look at. `attributes` declares what
a queue has; a tag or an attribute that nobody declared may be there, but for those of NEVER.
"""

import json
from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings

from processing.sqs import attributes, queues, refusals
from processing.sqs.topology import QUEUES, Queue

#: What a queue must not have unless that is declared: failed messages would not stay in the
#: DLQ, or processes could not read messages without rights to a key.
NEVER = ("RedrivePolicy", "KmsMasterKeyId")


class RealAWSError(Exception):
    """SQS_ENDPOINT_URL is empty, so this would create queues in a real AWS account."""


def ensure_queues(*, allow_aws: bool = False, create: bool = True) -> list[str]:
    """Create what is missing; return one line a difference (drift), none when all is well.

    Raises RealAWSError unless the endpoint is a local one or *allow_aws* is given.
    """
    if not settings.SQS_ENDPOINT_URL and create and not allow_aws:
        raise RealAWSError(RealAWSError.__doc__)
    return [
        line
        for queue in QUEUES.values()
        for name, wanted in _declared(queue).items()
        for line in _ensured(name, wanted, create)
    ]


def _declared(queue: Queue) -> dict[str, dict[str, str]]:
    """The DLQ, then its source, which cannot be made before the DLQ."""
    limits = attributes.Limits(
        settings.SQS_MAX_RECEIVE_COUNT, settings.SQS_WAIT_SECONDS
    )
    encryption = attributes.encryption(settings.SQS_KMS_KEY)
    dlq = attributes.of_dlq(queue, _arn(queue.name))
    source = attributes.of_source(queue, limits, _arn(queue.dlq))
    return {
        queue.dlq: _as_text({**dlq, **encryption}),
        queue.name: _as_text({**source, **encryption}),
    }


def _as_text(values: attributes.Attributes) -> dict[str, str]:
    """As SQS takes and answers attributes: policies and switches as JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


def _ensured(name: str, wanted: dict[str, str], create: bool) -> list[str]:
    try:
        found = _attributes(name)
        if found is not None:
            return [*_drift(name, found, wanted), *_tag_drift(name)]
        if not create:
            return [f"{name}: does not exist"]
        queues.client().create_queue(
            QueueName=_sqs_name(name),
            Attributes=wanted,  # type: ignore[arg-type]
            tags=attributes.TAGS,
        )
        return []
    except ClientError as error:
        return [_refused(name, error)]


def _refused(name: str, error: ClientError) -> str:
    return f"{name}: SQS refuses to show it ({refusals.code(error)})"


def _drift(name: str, found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    declared: dict[str, str | None] = {**dict.fromkeys(NEVER), **wanted}
    return [
        f"{name}: {key} is {found.get(key)}, declared is {value or 'none'}"
        for key, value in declared.items()
        if _comparable(found.get(key)) != _comparable(value)
    ]


def _tag_drift(name: str) -> list[str]:
    found = queues.client().list_queue_tags(QueueUrl=queues.url(name)).get("Tags", {})
    return [
        f"{name}: tag {key} is {found.get(key)}, declared is {value}"
        for key, value in attributes.TAGS.items()
        if found.get(key) != value
    ]


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
    """Policies are JSON; some servers answer its numbers as text. Nothing is as empty."""
    if not value or not value.startswith("{"):
        return value or None
    return {key: str(part) for key, part in json.loads(value).items()}
