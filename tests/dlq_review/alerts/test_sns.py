"""SNS as it is: a topic with a queue that is subscribed to it."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from pytest_django import Settings

from dlq_review.alerts import outbox, raising
from dlq_review.alerts.kinds import GROWTH
from dlq_review.models import AlertDelivery
from processing.outbound import topic
from tests.live import LiveSystem

pytestmark = pytest.mark.django_db


@dataclass
class Topic:
    arn: str
    sqs: Any
    queue: str

    def received(self) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=2
        )
        return [json.loads(one["Body"]) for one in found.get("Messages", [])]


@pytest.fixture
def subscribed(s3_server: LiveSystem, settings: Settings) -> Topic:
    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]  # two services
            region_name=settings.AWS_REGION,
            endpoint_url=s3_server.endpoint,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    sns, sqs = client("sns"), client("sqs")
    arn = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    sqs.purge_queue(QueueUrl=queue)
    endpoint = f"arn:aws:sqs:{settings.AWS_REGION}:000000000000:told"
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint)
    settings.ALERT_TOPIC_ARN = arn
    settings.ALERT_TOPIC_ENDPOINT_URL = s3_server.endpoint
    return Topic(arn, sqs, queue)


def test_people_get_the_text_and_every_kind_of_program_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, Any] = {}

    class Sns:
        def publish(self, **call: Any) -> None:
            told.update(call)

    monkeypatch.setattr(topic, "_client", lambda pid, endpoint: Sns())
    topic.publish("Subject", "A text.", {"id": 1}, {})
    assert told["MessageStructure"] == "json"
    assert json.loads(told["Message"]) == {
        "default": "A text.",
        **dict.fromkeys(("sqs", "lambda", "http", "https", "firehose"), '{"id": 1}'),
    }


def test_an_alert_and_its_end_reach_a_queue_that_is_subscribed(
    subscribed: Topic,
) -> None:
    raising.begin(GROWTH, "orders", "150 failures – größer als üblich.")
    raising.end(GROWTH, ["orders"])
    assert outbox.deliver(seconds=10) == 2
    told = subscribed.received()
    told += [] if len(told) == 2 else subscribed.received()
    said = {one["MessageAttributes"]["phase"]["Value"]: one for one in told}
    for phase in ("raised", "over"):
        row = AlertDelivery.objects.get(phase=phase)
        data = json.loads(said[phase]["Message"])
        assert data["sentence"] == "150 failures – größer als üblich."
        assert data["id"] == f"alert_{row.key.hex}"
        about = said[phase]["MessageAttributes"]
        assert about["id"]["Value"] == data["id"]
        assert about["kind"]["Value"] == "growth"
        assert said[phase]["Subject"].isascii()
        assert said[phase]["TopicArn"] == subscribed.arn


def test_a_topic_that_is_gone_is_a_refusal_with_the_code_of_sns(
    subscribed: Topic, settings: Settings
) -> None:
    settings.ALERT_TOPIC_ARN = f"{subscribed.arn}-gone"
    raising.begin(GROWTH, "orders", "150 failures.")
    AlertDelivery.objects.update(tries=outbox.REFUSALS)
    assert outbox.deliver(seconds=10) == 0
    one = AlertDelivery.objects.get()
    assert (one.state, one.last_error) == ("given_up", "NotFound")


def test_an_sns_that_is_away_is_tried_again(settings: Settings) -> None:
    settings.ALERT_TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:alerts"
    settings.ALERT_TOPIC_ENDPOINT_URL = "http://127.0.0.1:9"
    raising.begin(GROWTH, "orders", "150 failures.")
    AlertDelivery.objects.update(tries=outbox.REFUSALS)
    topic._client.cache_clear()
    assert outbox.deliver(seconds=10) == 0
    one = AlertDelivery.objects.get()
    assert one.state == "waiting"
    assert one.last_error
