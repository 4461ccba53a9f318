"""When the transport asks SQS for more, and with what it keeps time."""

from types import SimpleNamespace

from kombu.asynchronous import Hub

from processing import curl_client
from processing.bundles import Bundle
from processing.transport import Channel
from tests.builders import message


def hold(channel: Channel, number: int) -> None:
    for tag in range(number):
        held = SimpleNamespace(delivery_info={"bundle": Bundle([message("")])})
        channel.qos.append(held, str(tag))


def test_a_worker_with_room_asks_for_ten(channel: Channel, polls: list[int]) -> None:
    channel._schedule_queue("orders")
    assert polls == [10]


def test_of_a_fifo_queue_it_asks_for_one(
    fifo_orders: None, channel: Channel, polls: list[int]
) -> None:
    channel._schedule_queue("orders")
    assert polls == [1]


def test_a_full_worker_asks_as_soon_as_it_has_room_for_ten(
    channel: Channel, polls: list[int]
) -> None:
    hold(channel, 20)
    channel._schedule_queue("orders")
    for tag in range(9):
        channel.qos.ack(str(tag))
    channel.hub.turn()
    assert polls == []
    channel.qos.ack("9")
    channel.qos.ack("10")
    channel.hub.turn()
    assert polls == [10], "one poll, by the message that made the room"


def test_a_small_worker_asks_when_half_of_it_is_free(
    channel: Channel, polls: list[int]
) -> None:
    channel.qos.prefetch_count = 2
    hold(channel, 2)
    channel._schedule_queue("orders")
    channel.qos.ack("0")
    channel.hub.turn()
    assert polls == [1]


def test_curl_has_one_timer_however_many_calls_it_makes() -> None:
    hub = Hub()
    client = curl_client.Client(hub)
    for _ in range(100):
        client._set_timeout(25_000)
    waiting = [entry for entry in hub.timer.queue if not entry.entry.canceled]
    assert len(waiting) <= 2  # and kombu's own, once a second
    client.close()
    hub.close()
