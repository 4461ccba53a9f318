"""What stands in an account of tests, and this process as one of its users."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from django.conf import settings
from django.test import override_settings

from processing.infrastructure import policies
from processing.infrastructure.policies import Document, Text
from processing.s3 import bucket
from processing.sqs import credentials, provision, publisher
from processing.sqs.topology import QUEUES
from tests.aws import BUCKET, NUMBER, PLACES, PREFIX, REGION, TOPIC, Account

SEEDED = "failed/seeded.json"  # an object of the archive
ALL = [name for queue in QUEUES.values() for name in (queue.name, queue.dlq)]
ARCHIVE = {
    "ARCHIVE_BUCKET": BUCKET,
    "ARCHIVE_BUCKET_OWNER": NUMBER,
    "ARCHIVE_ENDPOINT_URL": "",
}
ARNS = [PLACES.queue(name) for name in ALL]


@contextmanager
def acting_as(aws: Account, keys: Mapping[str, str]) -> Iterator[None]:
    """This process speaks to *aws* with *keys*, and finds them as any process does."""
    host = f"https://sqs.{REGION}.amazonaws.com/{NUMBER}"
    urls = {
        name: f"{host}/{url.rpartition('/')[2]}"
        for name, url in settings.SQS_QUEUE_URLS.items()
    }
    _forget()
    with (
        override_settings(AWS_ACCOUNT_ID=NUMBER, SQS_QUEUE_URLS=urls, **ARCHIVE),
        patch.dict(os.environ, {**aws.environment, **keys}),
    ):
        yield
    _forget()


def _forget() -> None:
    if credentials._kept is not None:
        credentials._kept.close()
    credentials._kept = None
    publisher.forget()
    bucket.forget()


def furnish(aws: Account) -> None:
    """Queues, archive and topic, the queues with no more than whoever deploys may do."""
    statement = policies.allow("Provision", policies.PROVISION, ARNS)
    deployer = aws.user("deployer", policies.document([statement]))
    with acting_as(aws, deployer):
        assert provision.ensure_queues(allow_aws=True) == []
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("s3").put_object(Bucket=BUCKET, Key=SEEDED, Body=b"{}")
    aws.client("sns").create_topic(Name=TOPIC)


def demand_tls(aws: Account) -> None:
    for name in ALL:
        text = json.dumps(only_by_tls("sqs", [PLACES.queue(name)]))
        where = aws.client("sqs").get_queue_url(QueueName=f"{PREFIX}{name}")["QueueUrl"]
        aws.client("sqs").set_queue_attributes(
            QueueUrl=where, Attributes={"Policy": text}
        )
    objects = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    text = json.dumps(only_by_tls("s3", objects))
    aws.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=text)
    text = json.dumps(only_by_tls("sns", [PLACES.topic or ""]))
    aws.client("sns").set_topic_attributes(
        TopicArn=PLACES.topic, AttributeName="Policy", AttributeValue=text
    )


def only_by_tls(service: str, arns: Sequence[Text]) -> Document:
    return policies.document([policies.only_by_tls(service, arns)])
