"""What a worker takes at once while a backlog waits on SQS, and when it takes less again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.utils import timezone

from processing.sqs import publisher, queues
from processing.sqs.message import Message
from processing.worker import bundles
from processing.worker.bundles import Bundle
from processing.worker.joined_polls import (
    BACKLOG,
    LARGE,
    MOST_TIMES,
    QUICK,
    JoinedPolls,
    Pace,
)
from processing.worker.transport import Channel
from tests.builders import message, order_created
from tests.processing.conftest import Loop


def messages(number: int, *, age: timedelta = 2 * BACKLOG) -> list[Message]:
    sent_at = timezone.now() - age
    return [replace(message(order_created()), sent_at=sent_at) for _ in range(number)]


class Joining:
    """Polls that are joined, beside a clock that a test moves."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.handed_over: list[Sequence[Message]] = []
        self.polls = JoinedPolls(
            lambda _, received: self.handed_over.append(received), self.loop.call_later
        )

    def sizes(self) -> list[int]:
        return [len(received) for received in self.handed_over]


@pytest.mark.parametrize(
    ("polls", "largest", "sizes"),
    [
        ([10], 10, [10]),  # as a worker begins
        ([3, 1], 50, [3, 1]),  # no backlog
        ([10, 10, 4], 50, [24]),
        ([10, 10, 10, 10], 20, [20, 20]),
        ([10, 10], 50, []),
        ([10, 0], 50, [10]),
    ],
)
def test_a_full_poll_waits_for_the_next(
    polls: list[int], largest: int, sizes: list[int]
) -> None:
    joining = Joining()
    received = [messages(number) for number in polls]
    for some in received:
        joining.polls.add("orders", some, largest)
    assert joining.sizes() == sizes
    everything = [one for some in received for one in some]
    joined = [one for some in joining.handed_over for one in some]
    assert joined + joining.polls.messages() == everything


def test_what_was_just_sent_does_not_wait() -> None:
    joining = Joining()
    joining.polls.add("orders", messages(10, age=BACKLOG / 2), 50)
    joining.polls.add("orders", messages(10), 50)
    assert joining.sizes() == [10]


def test_it_does_not_wait_for_long_and_not_for_another_queue() -> None:
    joining = Joining()
    joining.polls.add("orders", messages(10), 50)
    joining.polls.add("signups", messages(1), 50)
    assert joining.sizes() == [1]
    joining.loop.turn(time_passes=True)
    assert joining.sizes() == [1, 10]


def test_a_time_that_is_over_already_ends_no_later_wait() -> None:
    joining = Joining()
    joining.polls.add("orders", messages(10), 20)
    joining.polls.add("orders", messages(10), 20)
    first, joining.loop.later = joining.loop.later, []
    joining.polls.add("orders", messages(10), 20)
    for call, arguments in first:
        call(*arguments)
    assert joining.sizes() == [20]
    joining.loop.turn(time_passes=True)
    assert joining.sizes() == [20, 10]


def answered(number: int, *, together: bool) -> Bundle:
    bundle = Bundle.of(messages(number))
    some = bundle.messages if together else []
    bundle.work_through(lambda _: None, lambda _: [some])
    return bundle


def test_a_worker_holds_more_while_sets_are_done_quickly() -> None:
    pace = Pace()
    assert pace.largest == bundles.LARGEST
    held = []
    for _ in range(4):
        pace.note_answered(answered(2, together=True))
        held.append(pace.times)
    assert held == [2, 4, MOST_TIMES, MOST_TIMES]
    assert pace.largest == MOST_TIMES * bundles.LARGEST


@pytest.mark.parametrize(
    ("number", "together", "seconds", "times"),
    [
        (1, False, 0.0, MOST_TIMES),  # nothing shared it
        (1, False, QUICK, 1),
        (10, True, 0.0, MOST_TIMES),
        (10, True, QUICK, 1),
        (10, False, 0.0, 1),  # a set that failed, or a type that has none
    ],
)
def test_what_is_slow_or_fails_takes_it_back(
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    together: bool,
    seconds: float,
    times: int,
) -> None:
    pace = Pace()
    pace.times = MOST_TIMES
    bundle = answered(number, together=together)
    later = monotonic() + seconds
    monkeypatch.setattr(bundles, "monotonic", lambda: later)
    pace.note_answered(bundle)
    assert pace.times == times


@pytest.mark.parametrize(("body", "attributes"), [(LARGE // 2, 0), (0, LARGE // 2)])
def test_large_messages_take_it_back(body: int, attributes: int) -> None:
    pace = Pace()
    pace.times = MOST_TIMES
    large = message("x" * body, attributes={"note": "x" * attributes})
    pace.note_received([large] * 2)
    assert pace.times == MOST_TIMES
    pace.note_received([large] * 3)
    assert pace.times == 1


@pytest.fixture
def tags(channel: Channel) -> list[str]:
    """*channel* hands over to a pool that does nothing. The tags of the bundles."""
    tags: list[str] = []

    def deliver(raw: dict[str, Any]) -> None:
        tags.append(raw["properties"]["delivery_tag"])
        channel.qos.append(channel.Message(raw, channel=channel), tags[-1])

    channel.connection._callbacks["orders"] = deliver
    channel._consumers.add("tag")
    channel._tag_to_queue["tag"] = "orders"
    channel.qos.pace.times = MOST_TIMES
    return tags


def receive(channel: Channel, number: int) -> None:
    answer = {"Messages": [raw(str(index)) for index in range(number)]}
    channel._on_messages_ready(queues.url("orders"), "orders", answer)


def raw(name: str) -> dict[str, Any]:
    return {
        "MessageId": name,
        "ReceiptHandle": f"handle-{name}",
        "Body": "{}",
        "Attributes": {"SentTimestamp": "1000"},
    }


def test_what_waits_counts_as_held(
    channel: Channel, polls: list[int], tags: list[str]
) -> None:
    receive(channel, 10)
    assert tags == []
    assert len(channel.qos.in_flight()) == 10
    assert channel.qos.can_consume_max_estimate() == 20 * MOST_TIMES - 10
    channel.hub.turn(time_passes=True)
    assert [len(channel.qos.bundle(tag).messages) for tag in tags] == [5, 5]
    assert len(channel.qos.in_flight()) == 10


@pytest.mark.parametrize(
    ("times", "sizes"), [(1, [10] * 5), (2, [20, 20, 10]), (MOST_TIMES, [25, 25])]
)
def test_bundles_are_as_large_as_the_pace_allows(
    channel: Channel, tags: list[str], times: int, sizes: list[int]
) -> None:
    channel.qos.pace.times = times
    channel._hand_over("orders", messages(50))
    assert [len(channel.qos.bundle(tag).messages) for tag in tags] == sizes


def test_a_bundle_that_celery_answers_changes_the_pace(
    channel: Channel, tags: list[str]
) -> None:
    receive(channel, 9)
    channel.basic_reject(tags[0])
    assert channel.qos.pace.times == 1


@pytest.mark.parametrize("closes", [True, False])
def test_what_waits_is_given_back_when_the_worker_stops(
    sqs: None, channel: Channel, tags: list[str], closes: bool
) -> None:
    publisher.publish_many(order_created() for _ in range(10))
    received = queues.receive("orders", visibility=300)
    received = [replace(one, sent_at=one.sent_at - 2 * BACKLOG) for one in received]
    channel.joined_polls.add("orders", received, 50)
    calls: list[tuple[str, list[str], int]] = []
    hide = queues.hide_many

    def note(*call: Any) -> bool:
        calls.append(call)
        return hide(*call)

    with pytest.MonkeyPatch.context() as noting:
        noting.setattr(queues, "hide_many", note)
        channel.close() if closes else channel.basic_cancel("tag")
    handles = [one.receipt_handle for one in received]
    assert calls == [("orders", handles, int(channel.wait_time_seconds))]
    assert channel.qos.in_flight() == []
    channel.hub.turn(time_passes=True)
    assert tags == [], "nothing is handed over any more"
