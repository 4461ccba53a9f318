"""What a worker receives is soon visible again after its death, and never while it lives."""

import json
from time import monotonic
from types import SimpleNamespace

import pytest
import time_machine
from botocore.exceptions import ClientError
from django.utils import timezone
from kombu.asynchronous import Hub
from pytest_django import Settings

from processing.sqs import publisher, queues
from processing.sqs.topology import QUEUES
from processing.worker import visibility, visibility_heartbeat
from processing.worker.bundles import Bundle
from processing.worker.polling import PollingChannel
from processing.worker.transport import Channel
from tests.builders import message, order_created
from tests.processing.sqs_server import serving


@pytest.mark.parametrize(
    ("queue", "heartbeat", "seconds"),
    [
        ("orders", 20, 60),
        ("orders", 1, 60),
        ("orders", 25.5, 77),
        ("orders", 200, 300),
        ("emails", 20, 60),
        ("emails", 30, 60),
    ],
)
def test_three_heartbeats_a_minute_at_least_and_never_more_than_the_queue_itself(
    settings: Settings, queue: str, heartbeat: float, seconds: int
) -> None:
    settings.WORKER_HEARTBEAT_SECONDS = heartbeat
    assert visibility.at_receive(queue) == seconds
    assert visibility.at_beat(message("", queue=queue)) == seconds
    last = visibility.at_beat(message("", queue=queue, receive_count=3))
    assert last == max(300, QUEUES[queue].visibility_timeout)


@pytest.mark.filterwarnings("ignore:.* is deprecated; use")  # kombu
def test_a_poll_names_its_visibility(channel: Channel, settings: Settings) -> None:
    with serving() as server:
        settings.SQS_ENDPOINT_URL = server.url
        channel.hub = hub = Hub()
        connection = Channel.asynsqs(channel, "orders")
        PollingChannel._get_from_sqs(
            channel, "orders", queues.url("orders"), connection, 10, lambda _: None
        )
        loop = hub.create_loop()
        while not server.asked:
            hub.call_later(0.01, lambda: None)
            next(loop)
        hub.close()
    asked = json.loads(server.asked[0][1])
    assert (asked["VisibilityTimeout"], asked["MaxNumberOfMessages"]) == (60, 10)


@pytest.fixture
def late(settings: Settings) -> None:
    """No time at all is between two heartbeats, so each is late at once."""
    settings.WORKER_HEARTBEAT_SECONDS = 0


def hold(channel: Channel, queue: str) -> None:
    held = SimpleNamespace(
        delivery_info={"bundle": Bundle.of([message("", queue=queue)])}
    )
    channel.qos.append(held, "tag")


def test_while_its_heartbeat_is_late_a_worker_receives_no_more_of_what_it_holds(
    late: None, channel: Channel, polls: list[int]
) -> None:
    hold(channel, "orders")
    channel._schedule_queue("orders")
    channel.hub.turn(time_passes=True)
    assert polls == []
    channel.qos.ack("tag")
    channel.hub.turn(time_passes=True)
    assert polls == [10], "it holds nothing, so it cannot receive its own"


def test_a_late_heartbeat_of_one_queue_holds_up_no_other(
    late: None, channel: Channel, polls: list[int]
) -> None:
    hold(channel, "emails")
    channel._schedule_queue("orders")
    assert polls == [10]


def test_a_heartbeat_that_came_through_lets_the_worker_receive_again(
    channel: Channel,
    polls: list[int],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold(channel, "orders")
    now = monotonic() + 41
    monkeypatch.setattr(visibility, "monotonic", lambda: now)
    channel._schedule_queue("orders")
    assert polls == []
    channel.beats.note("orders")
    channel._schedule_queue("orders")
    assert polls == [10]


def test_only_a_queue_that_took_its_heartbeat_counts_as_beaten(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        told = {"Error": {"Code": "AccessDenied", "Message": "no"}}
        raise ClientError(told, "ChangeMessageVisibilityBatch")  # type: ignore[arg-type]

    publisher.publish_many([order_created()])
    held = queues.receive("orders")
    assert visibility_heartbeat.extend(held) == set()
    monkeypatch.setattr(queues.sender(), "change_message_visibility_batch", refuse)
    assert visibility_heartbeat.extend(held) == {"orders"}


def test_on_its_last_delivery_a_message_is_hidden_for_longer_at_once(
    sqs: None, channel: Channel
) -> None:
    channel.connection._callbacks["orders"] = lambda _: None
    for receives in (1, 3):
        publisher.publish_many([order_created()])
        for _ in range(receives - 1):
            queues.receive("orders", visibility=0)
        answer = queues.client().receive_message(
            QueueUrl=queues.url("orders"),
            VisibilityTimeout=60,
            MessageSystemAttributeNames=["All"],
        )
        channel._on_messages_ready(queues.url("orders"), "orders", answer)
        assert len(answer["Messages"]) == 1
    with time_machine.travel(timezone.now().timestamp() + 61):
        depth = queues.depth("orders")
    assert (depth.visible, depth.in_flight) == (1, 1)
