"""The settings of the channels: what is wrong with one, and what the desk shows of it."""

from typing import Any

import pytest
from pytest_django import Settings

from dlq_review.alerts.channels import registry
from dlq_review.alerts.channels.channel import Channel
from tests.dlq_review.alerts.conftest import SECRET
from tests.dlq_review.alerts.receiver import Receiver

#: A setting that is wrong, and what the sentence about it says.
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("mail", {"ALERT_EMAILS": ["a@b.org", "Ada"]}, "Number 2", "desk@example.com"),
    ("sns", {"ALERT_TOPIC_ARN": "alerts"}, "no ARN", "arn:aws:sns"),
    (
        "sns",
        {"ALERT_TOPIC_ARN": "arn:aws:sns:eu-west-3:123456789012:alerts"},
        "is in eu-west-3",
        "region of the queues",
    ),
    (
        "sns",
        {"ALERT_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts.fifo"},
        "no ARN",
        "FIFO",
    ),
    ("slack", {"ALERT_SLACK_URL": "hooks.slack.com/x"}, "begin with https", "https://"),
    ("slack", {"ALERT_SLACK_URL": "ftp://hooks/s3cret"}, "begin with https", "https"),
    (
        "slack",
        {"ALERT_SLACK_URL": "http://hooks.slack.com/s3cret"},
        "not encrypted",
        "name its host, hooks.slack.com, in ALERT_PRIVATE_HOSTS",
    ),
    ("slack", {"ALERT_SLACK_URL": "https://[::1/s3cret"}, "cannot be read", "https"),
    ("slack", {"ALERT_SLACK_URL": "https://hooks.slack.com/s3cret x"}, "blanks", ""),
    ("slack", {"ALERT_SLACK_URL": "https://a:99999/s3cret"}, "cannot be read", ""),
    ("slack", {"ALERT_SLACK_URL": r"https://slack.com\x\s3cret"}, "names no host", ""),
    ("slack", {"ALERT_SLACK_URL": "https://slack.com%2Fs3cret"}, "names no host", ""),
    ("slack", {"ALERT_SLACK_URL": "http://slack.com%2Fs3cret"}, "names no host", ""),
    ("webhook", {"ALERT_WEBHOOK_URL": "https://"}, "no host", "https://example.com"),
    (
        "webhook",
        {"ALERT_WEBHOOK_SECRETS": []},
        "nothing could be signed",
        "Make one by python -c",
    ),
    (
        "webhook",
        {"ALERT_WEBHOOK_SECRETS": [SECRET, "whsec_s3cret"]},
        "Number 2 of ALERT_WEBHOOK_SECRETS",
        "Make one by python -c",
    ),
    ("alertmanager", {"ALERT_ALERTMANAGER_URL": "http://am:9093"}, "not enc", "am"),
]


@pytest.mark.parametrize(("name", "wrong", "says", "advice"), WRONG)
def test_a_setting_that_is_wrong_is_named_with_the_way_out(
    every_channel: Receiver,
    settings: Settings,
    name: str,
    wrong: dict[str, Any],
    says: str,
    advice: str,
) -> None:
    channel: Channel = registry.CHANNELS[name]
    assert list(channel.problems()) == []
    for setting, value in wrong.items():
        setattr(settings, setting, value)
    (found,) = channel.problems()
    assert found.setting in wrong
    assert says in found.says
    assert advice in found.advice
    assert "s3cret" not in found.says + found.advice + channel.goes_to()


def test_of_a_url_the_host_is_shown_and_of_addresses_their_number(
    every_channel: Receiver, settings: Settings
) -> None:
    settings.ALERT_SLACK_URL = "https://hooks.slack.com/services/T0/B0/s3cret"
    settings.ALERT_WEBHOOK_URL = "https://ada:s3cret@example.com/s3cret?key=s3cret"
    shown = {one.name: one.goes_to() for one in registry.configured()}
    assert shown == {
        "mail": "1 address",
        "sns": "topic alerts in us-east-1",
        "slack": "hooks.slack.com",
        "webhook": "example.com",
        "alertmanager": "127.0.0.1",
    }


@pytest.mark.parametrize(
    ("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_a_topic_may_be_in_another_partition_of_aws(
    settings: Settings, partition: str, region: str
) -> None:
    settings.AWS_REGION = region
    settings.ALERT_TOPIC_ARN = f"arn:{partition}:sns:{region}:123456789012:alerts"
    channel = registry.CHANNELS["sns"]
    assert list(channel.problems()) == []
    assert channel.goes_to() == f"topic alerts in {region}"
