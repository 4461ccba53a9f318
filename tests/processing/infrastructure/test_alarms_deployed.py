"""An emulator fires each alarm that it can, ends it, and tells the topic of both.

ministack reads neither dimensions nor missing data: so not `silent`, which sounds when its
metric is missing. test_alarms.py knows both.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from processing.infrastructure.alarms import ALARMS, OF_EACH_QUEUE
from tests.cloud import Cloud, cloud
from tests.live import wait_for
from tests.processing.infrastructure.rendering import messaging, text

pytestmark = pytest.mark.siege
SECONDS = 3  # until a figure is older than what its alarm looks at
LOUD = {alarm.name: alarm.cloudwatch for alarm in ALARMS if alarm.name != "silent"}


@pytest.fixture
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud(tmp_path_factory.mktemp("cloud")) as found:
        yield found


def full_name(name: str) -> str:
    is_of_queue = name in {alarm.name for alarm in OF_EACH_QUEUE}
    return f"holdfast-orders-{name}" if is_of_queue else f"holdfast-{name}"


def put(aws: Cloud, figure: float, age: float, name: str) -> None:
    watch = LOUD[name]
    at = time.time() - age
    datum = {"MetricName": watch.metric, "Value": figure, "Timestamp": at}
    aws.client("cloudwatch").put_metric_data(
        Namespace=watch.namespace, MetricData=[datum]
    )


def states(aws: Cloud) -> dict[str, str]:
    """By the short name of the alarm: those of one queue, and of the system."""
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    by_name = {one["AlarmName"]: one["StateValue"] for one in found}
    return {name: by_name[full_name(name)] for name in LOUD}


def ends(aws: Cloud) -> bool:
    for name in LOUD:
        put(aws, 0, 0, name)
    return set(states(aws).values()) == {"OK"}


def listener(aws: Cloud) -> str:
    """The URL of a queue that hears what the topic is told."""
    sqs, sns = aws.client("sqs"), aws.client("sns")
    [topic] = sns.list_topics()["Topics"]
    url: str = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    sns.subscribe(
        TopicArn=topic["TopicArn"],
        Protocol="sqs",
        Endpoint=arn["Attributes"]["QueueArn"],
    )
    return url


def heard(aws: Cloud, url: str) -> set[tuple[str, str]]:
    """The name and the new state of each message on the queue."""
    found: set[tuple[str, str]] = set()
    while True:
        answer = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        if not (messages := answer.get("Messages")):
            return found
        for message in messages:
            told: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
            found.add((told["AlarmName"], told["NewStateValue"]))


def test_every_alarm_fires_ends_and_tells_the_topic_of_both(aws: Cloud) -> None:
    with aws.stack(text(messaging()), HoldfastMetrics="true"):
        url = listener(aws)
        for name, watch in LOUD.items():
            put(aws, 3_000, watch.period * watch.times - SECONDS, name)
        assert set(states(aws).values()) == {"ALARM"}, states(aws)
        wait_for(lambda: ends(aws))
        assert {
            (full_name(name), state) for name in LOUD for state in ("ALARM", "OK")
        } <= heard(aws, url)
