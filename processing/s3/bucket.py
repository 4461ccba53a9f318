"""Put objects into the bucket of the archive, ARCHIVE_BUCKET.

S3 is found and signed to as SQS is. Nobody waits for a put but a job, which has other work
to leave time for, so the time limits are short.
"""

import functools
import os
from typing import Any
from urllib.parse import quote

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from processing.sqs import access, boto3_clients, credentials

#: The errors of a put, when S3 does not answer or refuses.
S3_ERRORS = (ClientError, BotoCoreError)
CONNECT, ANSWER = 2.0, 5.0  # seconds
_CONSOLES = {"cn-": "amazonaws.cn", "us-gov-": "amazonaws-us-gov.com"}


class NotS3Error(BotoCoreError):
    """What answers at S3's address confirmed nothing, as a proxy does."""

    fmt = "The answer has no ETag, so nothing says that the object is stored."


def is_refusal(error: Exception) -> bool:
    """S3 answered, so the error may be about one object alone."""
    return isinstance(error, ClientError)


def put(key: str, content: bytes) -> str:
    """Store the JSON *content*; return its address. Raises one of S3_ERRORS.

    Tried twice where there is no answer, as where S3 has closed a kept connection. A put
    of the same key again replaces the object.
    """
    try:
        return _put(key, content)
    except BotoCoreError:
        return _put(key, content)


def _put(key: str, content: bytes) -> str:
    try:
        answer = client().put_object(
            Bucket=settings.ARCHIVE_BUCKET,
            Key=key,
            Body=content,
            ContentType="application/json",
            **_owner(),
        )
    except HTTPClientError as error:
        # botocore takes the signal that a job has to end for an error of the connection.
        cause = error.kwargs.get("error")
        raise cause if isinstance(cause, SoftTimeLimitExceeded) else error from None
    if not answer.get("ETag"):
        raise NotS3Error
    return f"s3://{settings.ARCHIVE_BUCKET}/{key}"


def _owner() -> dict[str, str]:
    """Have S3 refuse a bucket that somebody else made after ours was deleted."""
    if settings.ARCHIVE_ENDPOINT_URL:
        return {}
    return {"ExpectedBucketOwner": settings.ARCHIVE_BUCKET_OWNER}


def look() -> None:
    """Ask whether the bucket is there. Raises one of S3_ERRORS, with HTTP's status as code.

    S3 answers 403 to who may not list an existing bucket.
    """
    client().head_bucket(Bucket=settings.ARCHIVE_BUCKET, **_owner())


def ensure() -> None:
    """Make the bucket on a server of our own, if it is not there. Raises S3_ERRORS."""
    try:
        client().head_bucket(Bucket=settings.ARCHIVE_BUCKET)
    except ClientError:
        client().create_bucket(Bucket=settings.ARCHIVE_BUCKET)


def console_url(address: str) -> str:
    """The page of AWS about the object at *address*; empty for a server of our own."""
    if settings.ARCHIVE_ENDPOINT_URL or not address:
        return ""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    region = settings.AWS_REGION
    host = next(
        (one for start, one in _CONSOLES.items() if region.startswith(start)),
        "aws.amazon.com",
    )
    return (
        f"https://console.{host}/s3/object/{quote(bucket)}"
        f"?region={quote(region)}&prefix={quote(key, safe='')}"
    )


def lacks_credentials() -> str:
    """Why no put could be signed; empty if it could."""
    try:
        _credentials(settings.ARCHIVE_ENDPOINT_URL).within(credentials.PATIENCE)
    except credentials.CredentialsError as error:
        return str(error)
    return ""


def client() -> Any:
    """The S3 client of this process. Thread safe; a forked child gets its own."""
    return _client(os.getpid(), settings.ARCHIVE_ENDPOINT_URL)


def forget() -> None:
    """Drop the connections, after S3's address has changed."""
    _client.cache_clear()


@functools.cache
def _client(pid: int, endpoint: str) -> Any:
    config = Config(
        connect_timeout=CONNECT,
        read_timeout=ANSWER,
        retries={"mode": "standard", "total_max_attempts": 1},
        # A server of our own has no host name for each bucket.
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return boto3_clients.make("s3", endpoint, _credentials(endpoint), config)


def _credentials(endpoint: str) -> credentials.Steady:
    """A server of our own takes any, unless we were given a key for it."""
    if endpoint and "AWS_ACCESS_KEY_ID" not in os.environ:
        return access.LOCAL
    return credentials.of_this_process()
