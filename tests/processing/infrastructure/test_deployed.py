"""The templates as ministack makes them: all of each, as declared, and gone when deleted.

Of a bucket it loses encryption and lifecycle, of a topic the key: test_templates reads those.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from processing.sqs import publisher, queues
from processing.sqs.provision import ensure_queues
from processing.sqs.topology import QUEUES
from tests.cloud import Cloud, cloud
from tests.processing.infrastructure.rendering import (
    Template,
    messaging,
    of_type,
    templates,
    text,
)

ALL = {
    "AlertEmail": "ops@example.com",
    "HoldfastMetrics": "true",
}  # no condition is false
KEY = "arn:aws:kms:us-east-1:000000000000:key/1"
#: What ministack does not make, and why that is no fault of the template.
KNOWN: dict[str, dict[str, str]] = {
    "messaging": {},
    "service": {
        "Workers": "ministack refuses the types of Application Auto Scaling",
        "Backlog": "ministack refuses the types of Application Auto Scaling",
    },
    "edge": {},
}
PARAMETERS = {
    "messaging": ALL,
    "service": {
        "Image": "holdfast:1",
        "Release": "1",
        "SiteUrl": "https://shop.example.com",
        "AllowedHosts": "shop.example.com",
        "SecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:holdfast",
        "SubnetIds": "subnet-1",
        "SecurityGroupId": "sg-1",
        "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:0:targetgroup/web/1",
    },
    "edge": {
        "DomainName": "shop.example.com",
        "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1",
        "Origin": "balancer.example.com",
        "OriginSecret": "0123456789" * 3,
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud(tmp_path_factory.mktemp("cloud")) as found:
        yield found


@pytest.fixture
def aws(server: Cloud, settings: Settings) -> Iterator[Cloud]:
    """An empty account, whose queues this process uses."""
    settings.SQS_ENDPOINT_URL = server.endpoint
    settings.SQS_QUEUE_URLS = {
        name: f"{server.endpoint}/000000000000/{url.rpartition('/')[2]}"
        for name, url in settings.SQS_QUEUE_URLS.items()
    }
    publisher.forget()
    yield server
    publisher.forget()
    assert server.left() == []


@pytest.fixture(params=["standard", "fifo"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "fifo":
        request.getfixturevalue("fifo_orders")
    return str(request.param)


def test_a_stack_has_all_its_resources_and_its_queues_show_no_drift(
    kind: str, aws: Cloud
) -> None:
    template = messaging()
    with aws.stack(text(template), **ALL) as made:
        assert set(template["Resources"]) - set(made) == set(KNOWN["messaging"])
        assert ensure_queues(create=False) == []
        fifo = [name for name in aws.left() if name.endswith("orders.fifo")]
        assert len(fifo) == (kind == "fifo")


@pytest.mark.parametrize("name", ["service", "edge"])
def test_what_ministack_does_not_make_is_known(name: str, aws: Cloud) -> None:
    template = templates()[name]
    for left_out in KNOWN[name]:
        del template["Resources"][left_out]
    if name == "service":  # ministack takes a parameter that is a number for a text
        template["Resources"]["WebService"]["Properties"]["DesiredCount"] = 2
    with aws.stack(text(template), **PARAMETERS[name]) as made:
        assert set(template["Resources"]) == set(made)


@pytest.mark.parametrize("environment", ["dev", "staging", "production"])
def test_the_parameters_of_an_environment_give_its_names(
    environment: str, aws: Cloud
) -> None:
    file = django_settings.BASE_DIR / "infra/parameters" / f"{environment}.json"
    parameters = json.loads(file.read_text())["Parameters"]
    with aws.stack(text(messaging()), **parameters):
        names = [name.rpartition("/")[2].rpartition(":")[2] for name in aws.left()]
        assert {name.startswith(f"holdfast-{environment}-") for name in names} == {True}
    if environment == "production":
        empty(aws, kept=2 * len(QUEUES) + 1)


def empty(aws: Cloud, kept: int) -> None:
    """Delete what a deleted production leaves: its queues and its archive."""
    left = aws.left()
    assert len(left) == kept
    for name in left:
        if name.startswith("http"):
            aws.client("sqs").delete_queue(QueueUrl=name)
        else:
            aws.client("s3").delete_bucket(Bucket=name)


def test_queues_with_a_key_show_no_drift(aws: Cloud, settings: Settings) -> None:
    settings.SQS_KMS_KEY = KEY
    with aws.stack(text(messaging()), KmsKeyArn=KEY):
        assert ensure_queues(create=False) == []


def test_the_archive_is_closed_and_keeps_versions(aws: Cloud) -> None:
    with aws.stack(text(messaging())):
        s3, bucket = aws.client("s3"), bucket_of(aws)
        closed = s3.get_public_access_block(Bucket=bucket)
        assert set(closed["PublicAccessBlockConfiguration"].values()) == {True}
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        assert [one["Sid"] for one in policy["Statement"]] == ["OnlyByTLS"]


def bucket_of(aws: Cloud) -> str:
    [bucket] = aws.client("s3").list_buckets()["Buckets"]
    return str(bucket["Name"])


def test_each_queue_refuses_whoever_comes_without_tls(aws: Cloud) -> None:
    with aws.stack(text(messaging())):
        for queue in QUEUES.values():
            for name in (queue.name, queue.dlq):
                found = queues.client().get_queue_attributes(
                    QueueUrl=queues.url(name), AttributeNames=["QueueArn", "Policy"]
                )["Attributes"]
                [statement] = json.loads(found["Policy"])["Statement"]
                assert statement["Effect"] == "Deny"
                assert statement["Resource"] == [found["QueueArn"]]


REDRIVE = {
    "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:holdfast-orders-dlq",
    "maxReceiveCount": 3,
}
ALLOW = {
    "redrivePermission": "byQueue",
    "sourceQueueArns": ["arn:aws:sqs:us-east-1:000000000000:holdfast-orders"],
}
DENY_ALL = {"redrivePermission": "denyAll"}
OFTEN = {
    "deadLetterTargetArn": {"Fn::GetAtt": ["OrdersDlq", "Arn"]},
    "maxReceiveCount": 5,
}
#: Resource, property, its wrong value (None: left out), and what is told of it.
MUTATIONS: dict[str, tuple[str, str, Any, str]] = {
    "received more often": (
        "Orders",
        "RedrivePolicy",
        OFTEN,
        f"orders: RedrivePolicy is {json.dumps({**REDRIVE, 'maxReceiveCount': 5})},"
        f" declared is {json.dumps(REDRIVE)}",
    ),
    "hidden for a shorter time": (
        "Orders",
        "VisibilityTimeout",
        60,
        "orders: VisibilityTimeout is 60, declared is 300",
    ),
    "not encrypted": (
        "Orders",
        "SqsManagedSseEnabled",
        False,
        "orders: SqsManagedSseEnabled is false, declared is true",
    ),
    "no redrive policy": (
        "Orders",
        "RedrivePolicy",
        None,
        f"orders: RedrivePolicy is None, declared is {json.dumps(REDRIVE)}",
    ),
    "dead letters kept for a day": (
        "OrdersDlq",
        "MessageRetentionPeriod",
        86_400,
        "orders-dlq: MessageRetentionPeriod is 86400, declared is 1209600",
    ),
    "no long poll": (
        "Orders",
        "ReceiveMessageWaitTimeSeconds",
        0,
        "orders: ReceiveMessageWaitTimeSeconds is 0, declared is 20",
    ),
    "a DLQ that takes from nobody": (
        "OrdersDlq",
        "RedriveAllowPolicy",
        DENY_ALL,
        f"orders-dlq: RedriveAllowPolicy is {json.dumps(DENY_ALL)},"
        f" declared is {json.dumps(ALLOW)}",
    ),
    "a key that nobody declared": (
        "Orders",
        "KmsMasterKeyId",
        KEY,
        f"orders: KmsMasterKeyId is {KEY}, declared is none",
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_queue_that_was_made_in_another_way_is_reported(
    mutation: str, aws: Cloud
) -> None:
    resource, name, value, told = MUTATIONS[mutation]
    template = only_queues()
    properties = template["Resources"][resource]["Properties"]
    properties[name] = value
    if value is None:
        del properties[name]
    with aws.stack(text(template)):
        assert told_without_spaces() == [told.replace(" ", "")]


def only_queues() -> Template:
    template = messaging()
    queues = of_type(template, "AWS::SQS::Queue")
    return {
        **template,
        "Resources": {name: template["Resources"][name] for name in queues},
        "Outputs": {},
    }


def told_without_spaces() -> list[str]:
    """Servers answer policies with and without them."""
    return [line.replace(" ", "") for line in ensure_queues(create=False)]


def test_a_queue_without_tags_is_reported(aws: Cloud) -> None:
    template = only_queues()
    del template["Resources"]["Orders"]["Properties"]["Tags"]
    with aws.stack(text(template)):
        found = ensure_queues(create=False)
    assert found == ["orders: tag project is None, declared is holdfast"]
