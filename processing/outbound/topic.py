"""Everything that is said to SNS: one message to the topic of alerts.

AWS takes at most 256 KiB, and a subject of ASCII on one line, below 100 characters.
"""

import functools
import json
import os
from collections.abc import Mapping
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from django.conf import settings

from processing.outbound.errors import UndeliveredError
from processing.sqs import access, boto3_clients, credentials, refusals

LONGEST_SUBJECT = 99  # characters
_PROGRAMS = ("sqs", "lambda", "http", "https", "firehose")


def publish(
    subject: str, text: str, data: Mapping[str, Any], attributes: Mapping[str, str]
) -> None:
    """People who subscribed get *text*, programs *data* as JSON. Raises UndeliveredError."""
    coded = json.dumps(data)
    try:
        _client(os.getpid(), settings.ALERT_TOPIC_ENDPOINT_URL).publish(
            TopicArn=settings.ALERT_TOPIC_ARN,
            Subject=subject_of(subject),
            Message=json.dumps({"default": text, **dict.fromkeys(_PROGRAMS, coded)}),
            MessageStructure="json",
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )
    except ClientError as error:
        raise UndeliveredError(
            refusals.code(error), is_refusal=_is_refusal(error)
        ) from None
    except (BotoCoreError, ResponseParserError) as error:
        raise UndeliveredError(refusals.code(error)) from None


def subject_of(text: str) -> str:
    """*text* as SNS takes it; the servers on a laptop would take any."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in text)
    return plain.strip()[:LONGEST_SUBJECT] or "Holdfast"


def _is_refusal(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = refusals.code(error)
    renewed = code in refusals.BAD_CREDENTIALS or "Throttl" in code
    return 400 <= status < 500 and not renewed


@functools.cache
def _client(pid: int, endpoint: str) -> Any:
    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    known: credentials.Steady = (
        access.LOCAL
        if endpoint and "AWS_ACCESS_KEY_ID" not in os.environ
        else credentials.of_this_process()
    )
    return boto3_clients.make("sns", endpoint, known, config)
