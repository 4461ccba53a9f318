"""Least privilege, proved: Holdfast's own functions with the keys of each role."""

import functools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.test import override_settings

from processing.infrastructure import policies
from processing.infrastructure.policies import ROLES, Document, Text
from processing.sqs import credentials, provision, publisher
from tests.aws import BUCKET, NUMBER, PLACES, PREFIX, REGION, TOPIC, Account, account
from tests.processing.infrastructure import table
from tests.processing.infrastructure.table import ALL, TABLE, Given, outcome

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
        override_settings(AWS_ACCOUNT_ID=NUMBER, SQS_QUEUE_URLS=urls),
        patch.dict(os.environ, {**aws.environment, **keys}),
    ):
        yield
    _forget()


def _forget() -> None:
    if credentials._kept is not None:
        credentials._kept.close()
    credentials._kept = None
    publisher.forget()


def furnish(aws: Account) -> None:
    """Queues, archive and topic, the queues with no more than whoever deploys may do."""
    statement = policies.allow("Provision", policies.PROVISION, ARNS)
    deployer = aws.user("deployer", policies.document([statement]))
    with acting_as(aws, deployer):
        assert provision.ensure_queues(allow_aws=True) == []
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("s3").put_object(Bucket=BUCKET, Key=table.SEEDED, Body=b"{}")
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


def handles(aws: Account) -> dict[str, str]:
    """A message of each queue that is in flight: one may hide it, or delete it."""
    return {name: _in_flight(aws.client("sqs"), f"{PREFIX}{name}") for name in ALL}


def _in_flight(sqs: Any, name: str) -> str:
    where = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=where, MessageBody="{}")
    [message] = sqs.receive_message(QueueUrl=where, VisibilityTimeout=600)["Messages"]
    return str(message["ReceiptHandle"])


def measured(aws: Account, role: str, found: dict[str, str]) -> dict[str, str]:
    """The column of *role*: call -> `+` or `-`. *found* are receipt handles."""
    keys = aws.user(role, policies.policy(role, PLACES))
    given = Given(found, functools.cache(lambda service: aws.client(service, keys)))
    with acting_as(aws, keys):
        return {name: outcome(call, on, given) for name, call, on, _ in TABLE}


def test_each_role_may_do_what_the_table_says_and_nothing_else(tmp_path: Path) -> None:
    with account(tmp_path) as aws:
        furnish(aws)
        demand_tls(aws)
        found = {role: measured(aws, role, handles(aws)) for role in ROLES}
    wrong = [
        f"{role}: {name} is {found[role][name]}, expected {cell}"
        for name, _, _, cells in TABLE
        for role, cell in zip(ROLES, cells.split(), strict=True)
        if found[role][name] != cell
    ]
    assert wrong == []


def test_without_tls_nobody_may_do_anything(tmp_path: Path) -> None:
    with account(tmp_path, tls=False) as aws:
        furnish(aws)
        there = handles(aws)
        assert "+" in measured(aws, "worker", there).values(), "before it is demanded"
        there = handles(aws)
        demand_tls(aws)
        found = measured(aws, "jobs", there)
    assert found == dict.fromkeys(found, "-")


def test_nobody_but_a_task_takes_a_role_even_with_the_right_to(tmp_path: Path) -> None:
    every = policies.allow("Take", ("sts:AssumeRole",), ["*"])
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    with account(tmp_path, services=("iam", "sts")) as aws:
        keys = aws.user("person", policies.document([every]))
        given = Given({}, lambda service: aws.client(service, keys))
        for trust, cell in (
            (policies.document([anybody]), "+"),
            (policies.trust(NUMBER), "-"),
        ):
            text = json.dumps(trust)
            aws.client("iam").create_role(
                RoleName=f"jobs{cell}", AssumeRolePolicyDocument=text
            )
            assert outcome(table.take_a_role, [f"jobs{cell}"], given) == cell
