import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from processing import queues
from processing.provision import RealAWSError, ensure_queues
from processing.topology import QUEUES


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
    with pytest.raises(CommandError, match="1 difference"):
        call_command("ensure_queues", "--allow-aws")


def test_checking_creates_nothing(sqs: None, settings: Settings) -> None:
    settings.SQS_QUEUE_URLS = {
        name: url.replace("holdfast-", "other-")
        for name, url in settings.SQS_QUEUE_URLS.items()
    }
    assert "orders: does not exist" in ensure_queues(create=False)


def test_a_real_account_is_refused_unless_told() -> None:
    with pytest.raises(RealAWSError):
        ensure_queues()
    with pytest.raises(CommandError, match="--allow-aws"):
        call_command("ensure_queues")
