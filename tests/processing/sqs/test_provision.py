import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command
from pytest_django import Settings

from processing.sqs import queues
from processing.sqs.provision import RealAWSError, ensure_queues
from processing.sqs.topology import QUEUES, SOURCE_OF

SQS_NAMES = [*QUEUES, *SOURCE_OF]
ARN = "arn:aws:sqs:us-east-1:123456789012:holdfast-"


def test_ensuring_twice_changes_nothing(sqs: None) -> None:
    assert ensure_queues(allow_aws=True) == []


def test_every_source_redrives_to_its_dlq(sqs: None) -> None:
    for queue in QUEUES.values():
        found = queues.client().get_queue_attributes(
            QueueUrl=queues.url(queue.name), AttributeNames=["All"]
        )["Attributes"]
        assert f'{queue.dlq}"' in found["RedrivePolicy"]
        assert found["VisibilityTimeout"] == str(queue.visibility_timeout)


def test_a_difference_is_reported_and_left_alone(sqs: None) -> None:
    queues.client().set_queue_attributes(
        QueueUrl=queues.url("orders"), Attributes={"VisibilityTimeout": "7"}
    )
    assert ensure_queues(allow_aws=True) == [
        "orders: VisibilityTimeout is 7, declared is 300"
    ]
    with pytest.raises(CommandError, match="1 diff.* correct SQS_QUEUE_PREFIX"):
        call_command("ensure_queues", "--allow-aws")


def set_on(name: str, **attributes: str) -> None:
    found: Any = attributes
    queues.client().set_queue_attributes(QueueUrl=queues.url(name), Attributes=found)


def answer_with(monkeypatch: pytest.MonkeyPatch, name: str, **attributes: str) -> None:
    """SQS says these of the queue; moto keeps some to itself."""
    client = queues.client()
    ask = client.get_queue_attributes

    def answer(**call: Any) -> Any:
        found: Any = ask(**call)
        if call["QueueUrl"] == queues.url(name):
            found["Attributes"].update(attributes)
        return found

    monkeypatch.setattr(client, "get_queue_attributes", answer)


def test_a_queue_that_may_not_be_looked_at_hides_no_other_difference(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_on("signups", VisibilityTimeout="7")
    client = queues.client()
    ask = client.get_queue_attributes

    def answer(**call: Any) -> Any:
        if call["QueueUrl"] == queues.url("orders"):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetQueueAttributes")
        return ask(**call)

    monkeypatch.setattr(client, "get_queue_attributes", answer)
    assert ensure_queues(create=False) == [
        "orders: SQS refuses to show it (AccessDenied)",
        "signups: VisibilityTimeout is 7, declared is 60",
    ]


@pytest.mark.usefixtures("no_sqs")
def test_the_command_says_that_sqs_does_not_answer() -> None:
    with pytest.raises(CommandError, match="SQS does not answer.* Correct SQS_END"):
        call_command("ensure_queues", "--check")


@pytest.mark.parametrize("sse_sqs", ["false", ""])
def test_queues_with_the_declared_key_are_as_declared(
    sqs: None, settings: Settings, sse_sqs: str
) -> None:
    settings.SQS_KMS_KEY = "alias/ours"
    for name in SQS_NAMES:
        set_on(name, KmsMasterKeyId="alias/ours", SqsManagedSseEnabled=sse_sqs)
    assert ensure_queues(create=False) == []


@pytest.mark.parametrize(
    ("declared", "found", "told"),
    [
        ("alias/ours", "", "None, declared is alias/ours"),
        ("alias/ours", "alias/theirs", "alias/theirs, declared is alias/ours"),
        ("", "alias/theirs", "alias/theirs, declared is none"),
    ],
)
def test_a_queue_with_another_key_than_declared_is_reported(
    sqs: None, settings: Settings, declared: str, found: str, told: str
) -> None:
    settings.SQS_KMS_KEY = declared
    for name in SQS_NAMES:
        set_on(name, KmsMasterKeyId=found if name == "orders" else declared)
    assert ensure_queues(create=False) == [f"orders: KmsMasterKeyId is {told}"]


def test_a_queue_without_encryption_is_reported(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, "orders-dlq", SqsManagedSseEnabled="false")
    assert ensure_queues(create=False) == [
        "orders-dlq: SqsManagedSseEnabled is false, declared is true"
    ]


@pytest.mark.parametrize(
    "policy",
    [
        {"redrivePermission": "denyAll"},
        {"redrivePermission": "allowAll"},
        {"redrivePermission": "byQueue", "sourceQueueArns": [ARN + "signups"]},
        {
            "redrivePermission": "byQueue",
            "sourceQueueArns": [ARN + "orders", ARN + "signups"],
        },
    ],
)
def test_a_dlq_that_takes_from_others_than_its_source_is_reported(
    sqs: None, policy: dict[str, Any]
) -> None:
    text = json.dumps(policy)
    set_on("orders-dlq", RedriveAllowPolicy=text)
    declared = {"redrivePermission": "byQueue", "sourceQueueArns": [ARN + "orders"]}
    assert ensure_queues(create=False) == [
        f"orders-dlq: RedriveAllowPolicy is {text}, declared is {json.dumps(declared)}"
    ]


@pytest.mark.parametrize("found", [None, "somebody's"])
def test_a_queue_without_our_tag_is_reported(sqs: None, found: str | None) -> None:
    address = queues.url("orders")
    queues.client().untag_queue(QueueUrl=address, TagKeys=["project"])
    tags = {"team": "shop"} if found is None else {"team": "shop", "project": found}
    queues.client().tag_queue(QueueUrl=address, Tags=tags)
    assert ensure_queues(create=False) == [
        f"orders: tag project is {found}, declared is holdfast"
    ]


@pytest.mark.parametrize(
    ("attribute", "value", "declared"),
    [("VisibilityTimeout", "0", "30"), ("DelaySeconds", "900", "0")],
)
def test_a_dlq_that_hides_too_little_or_too_long_is_reported(
    sqs: None, attribute: str, value: str, declared: str
) -> None:
    set_on("orders-dlq", **{attribute: value})
    assert ensure_queues(create=False) == [
        f"orders-dlq: {attribute} is {value}, declared is {declared}"
    ]


def test_a_dlq_that_sends_on_what_it_should_keep_is_reported(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, "orders-dlq", RedrivePolicy='{"maxReceiveCount": 1}')
    assert ensure_queues(create=False) == [
        'orders-dlq: RedrivePolicy is {"maxReceiveCount": 1}, declared is none'
    ]


def test_checking_creates_nothing(sqs: None, settings: Settings) -> None:
    settings.SQS_QUEUE_URLS = {
        name: url.replace("holdfast-", "other-")
        for name, url in settings.SQS_QUEUE_URLS.items()
    }
    with pytest.raises(CommandError, match=f"{len(SQS_NAMES)} differences"):
        call_command("ensure_queues", "--check")
    assert "orders: does not exist" in ensure_queues(create=False)


def test_a_real_account_is_refused_unless_told() -> None:
    with pytest.raises(RealAWSError):
        ensure_queues()
    with pytest.raises(CommandError, match="--allow-aws"):
        call_command("ensure_queues")
