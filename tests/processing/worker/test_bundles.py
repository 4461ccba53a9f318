import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from processing.delivery.processor import RetryLaterError
from processing.metrics import tally
from processing.sqs import publisher, queues
from processing.sqs.credentials import CredentialsError
from processing.sqs.message import Message
from processing.worker import bundles
from processing.worker.bundles import Bundle, NotBegunError, tie
from processing.worker.task_messages import celery_message
from processing.worker.transport import Channel
from tests.builders import message, order_created


def messages(number: int, receive_count: int = 1) -> list[Message]:
    return [
        message(order_created(), receive_count=receive_count) for _ in range(number)
    ]


def progress(bundle: Bundle) -> tuple[int, int, int]:
    """How many are done, failed, not begun."""
    found = bundle.progress()
    return len(found.done), len(found.failed), len(found.not_begun)


def failing_at(bad: Message) -> Callable[[Message], None]:
    def handle(one: Message) -> None:
        if one is bad:
            raise RetryLaterError("UnknownOrderError")

    return handle


@pytest.mark.parametrize(
    ("received", "in_flight", "processes", "sizes"),
    [
        (0, 0, 2, []),
        (1, 0, 2, [1]),
        (10, 0, 2, [5, 5]),
        (10, 0, 8, [2, 2, 2, 2, 2]),
        (10, 0, 16, [1] * 10),
        (10, 150, 16, [10]),
        (7, 0, 2, [4, 3]),
        (10, 10, 1, [10]),
    ],
)
def test_a_bundle_is_what_each_process_has_to_do_anyway(
    received: int, in_flight: int, processes: int, sizes: list[int]
) -> None:
    tied = tie(messages(received), in_flight=in_flight, processes=processes)
    assert [len(bundle.messages) for bundle in tied] == sizes


def test_a_bundle_is_warned_five_seconds_before_it_is_killed() -> None:
    """Celery reads the time at which it kills, and then the one at which it warns."""
    told = celery_message(Bundle.of([message("{}", queue="emails")]))
    assert told["headers"]["timelimit"] == [30, 25]


def test_what_comes_again_goes_alone() -> None:
    again = messages(2, receive_count=2)
    tied = tie([*again, *messages(3)], in_flight=0, processes=1)
    assert [len(bundle.messages) for bundle in tied] == [3, 1, 1]


def test_a_bundle_is_worked_through_in_order() -> None:
    bundle = Bundle.of(messages(3))
    handled: list[Message] = []
    bundle.work_through(handled.append)
    assert handled == bundle.messages
    assert progress(bundle) == (3, 0, 0)


def test_behind_one_that_fails_none_is_begun() -> None:
    bundle = Bundle.of(messages(5))
    with pytest.raises(RetryLaterError):
        bundle.work_through(failing_at(bundle.messages[2]))
    assert progress(bundle) == (2, 1, 2)
    assert list(bundle.progress().failed) == [bundle.messages[2]]


def test_behind_a_slow_one_none_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.1, 0.1, 0.2, bundles.BEGIN_FOR])
    monkeypatch.setattr(bundles, "monotonic", lambda: next(clock))
    bundle = Bundle.of(messages(5))
    with pytest.raises(NotBegunError, match="2 not begun"):
        bundle.work_through(lambda _: None)
    assert progress(bundle) == (3, 0, 2)


def test_a_new_message_in_the_place_of_an_old_one_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundles, "_SLOTS", 3)
    Bundle.of(messages(3)).work_through(lambda _: None)
    bundle = Bundle.of(messages(3))
    assert not bundle.is_begun
    assert progress(bundle) == (0, 1, 2)


def test_what_was_done_in_sets_is_not_handled_again() -> None:
    bundle = Bundle.of(messages(5))
    first, second, *_ = bundle.messages
    handled: list[Message] = []
    bundle.work_through(handled.append, lambda _: [[second], [first]])
    assert handled == bundle.messages[2:]
    assert progress(bundle) == (5, 0, 0)


def test_one_message_is_no_set() -> None:
    bundle = Bundle.of(messages(1))
    handled: list[Message] = []
    bundle.work_through(handled.append, lambda _: pytest.fail("a set"))
    assert handled == bundle.messages


def test_after_sets_that_took_long_none_is_begun_and_none_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, bundles.BEGIN_FOR])
    monkeypatch.setattr(bundles, "monotonic", lambda: next(clock))
    bundle = Bundle.of(messages(3))
    with pytest.raises(NotBegunError, match="3 not begun"):
        bundle.work_through(lambda _: None)
    assert progress(bundle) == (0, 0, 3)


def test_of_a_set_in_which_a_process_died_none_has_failed() -> None:
    bundle = Bundle.of(messages(4))

    def die_in_the_second_set(_: object) -> Iterator[Sequence[Message]]:
        yield bundle.messages[2:]
        os._exit(1)

    pid = os.fork()
    if pid == 0:
        bundle.work_through(lambda _: None, die_in_the_second_set)
        os._exit(0)
    os.waitpid(pid, 0)
    found = bundle.progress()
    assert found.done == bundle.messages[2:]
    assert found.failed == []
    assert found.not_begun == bundle.messages[:2]


def test_the_worker_sees_how_far_a_process_was_that_died() -> None:
    bundle = Bundle.of(messages(4))

    def die_at_the_second(one: Message) -> None:
        if one is bundle.messages[1]:
            os._exit(1)

    pid = os.fork()
    if pid == 0:
        bundle.work_through(die_at_the_second)
        os._exit(0)
    os.waitpid(pid, 0)
    assert progress(bundle) == (1, 1, 2)
    assert progress(Bundle.of(bundle.messages)) == (0, 1, 3), (
        "the next has its own slot"
    )


def test_a_process_that_died_before_it_began_failed_at_the_first() -> None:
    bundle = Bundle.of(messages(3))
    assert list(bundle.progress().failed) == bundle.messages[:1]
    assert progress(bundle) == (0, 1, 2)


def test_where_the_pool_does_not_fork_each_goes_alone() -> None:
    asked = "from processing.worker.bundles import LARGEST; print(LARGEST)"
    spawning = f"import billiard; billiard.set_start_method('spawn'); {asked}"
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        for code in (spawning, asked)
    ]
    assert [one.stdout.strip() for one in said] == [b"1", b"10"]


@pytest.fixture
def bundle(sqs: None, channel: Channel) -> Bundle:
    """Five messages that SQS counts as received, handed over by *channel*."""
    publisher.publish_many(order_created() for _ in range(5))
    bundle = Bundle.of(queues.receive("orders"))
    channel.connection._callbacks["orders"] = lambda raw: channel.qos.append(
        channel.Message(raw, channel=channel), raw["properties"]["delivery_tag"]
    )
    channel._deliver(channel.connection._callbacks["orders"], bundle)
    return bundle


def test_of_a_bundle_that_failed_each_message_gets_its_own_answer(
    monkeypatch: pytest.MonkeyPatch, channel: Channel, bundle: Bundle
) -> None:
    deleted: list[str] = []
    left: list[str] = []
    monkeypatch.setattr(
        channel._deletes, "add", lambda queue, handle: deleted.append(handle)
    )
    monkeypatch.setattr(queues, "hide", lambda queue, handle, _: left.append(handle))
    with pytest.raises(RetryLaterError):
        bundle.work_through(failing_at(bundle.messages[2]))
    handles = [one.receipt_handle for one in bundle.messages]

    channel.basic_reject(handles[0])
    assert deleted == handles[:2]
    assert left == handles[2:3]
    assert channel.gate._in_doubt
    again = [channel.qos.bundle(handle) for handle in handles[3:]]
    assert [one and list(one.messages) for one in again] == [
        [one] for one in bundle.messages[3:]
    ]
    assert channel.qos.in_flight() == bundle.messages[3:]


@pytest.mark.parametrize("died", [True, False])
def test_a_message_whose_process_died_is_counted_and_logged_here(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    channel: Channel,
    bundle: Bundle,
    died: bool,
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(tally, "died", counted.append)
    monkeypatch.setattr(queues, "hide", lambda *_: None)
    with pytest.raises(RetryLaterError):
        bundle.work_through(failing_at(bundle.messages[2]))
    channel.basic_reject(bundle.delivery_tag, requeue=died)
    bad = bundle.messages[2]
    told = (
        f"request_id={bad.named_id} message_id={bad.id} queue=orders receive_count=1"
        " outcome=no_report"
    )
    assert [one for one in caplog.messages if "no_report" in one] == [told] * died
    assert counted == ["orders"] * died


def test_those_behind_a_slow_one_are_handed_over_once(
    monkeypatch: pytest.MonkeyPatch, channel: Channel, bundle: Bundle
) -> None:
    monkeypatch.setattr(queues, "hide", lambda *_: None)
    handed_over: list[Message] = []
    monkeypatch.setattr(
        channel, "_deliver", lambda _, alone: handed_over.extend(alone.messages)
    )
    channel._look_later([bundle.delivery_tag])
    for _ in range(3):
        channel.hub.turn(time_passes=True)
    assert handed_over == [], "it waits in the pool"

    def be_slow_at_the_second(one: Message) -> None:
        if one is bundle.messages[1]:
            channel.hub.turn(time_passes=True)
            assert handed_over == [], "it may be begun this moment"
            channel.hub.turn(time_passes=True)
            assert handed_over == bundle.messages[2:]
            raise RetryLaterError

    with pytest.raises(RetryLaterError):
        bundle.work_through(be_slow_at_the_second)
    assert channel.qos.in_flight() == bundle.messages[:2]
    channel.basic_reject(bundle.delivery_tag)
    channel.hub.turn(time_passes=True)
    assert handed_over == bundle.messages[2:]
    assert channel.hub.later == []


def test_a_worker_that_stops_gives_back_what_was_not_begun(
    monkeypatch: pytest.MonkeyPatch, channel: Channel, bundle: Bundle
) -> None:
    left: dict[str, int] = {}
    monkeypatch.setattr(
        queues, "hide", lambda queue, handle, seconds: left.update({handle: seconds})
    )
    monkeypatch.setattr(
        queues,
        "hide_many",
        lambda queue, handles, seconds: left.update(dict.fromkeys(handles, seconds)),
    )
    del channel.connection._callbacks["orders"]
    channel.basic_reject(bundle.messages[0].receipt_handle)
    first, *others = [one.receipt_handle for one in bundle.messages]
    after_the_poll = dict.fromkeys(others, int(channel.wait_time_seconds))
    assert left == {first: queues.backoff(1), **after_the_poll}
    assert channel.qos.in_flight() == []


def test_when_the_connection_ends_only_what_is_done_is_deleted(
    monkeypatch: pytest.MonkeyPatch, channel: Channel, bundle: Bundle
) -> None:
    with pytest.raises(RetryLaterError):
        bundle.work_through(failing_at(bundle.messages[2]))
    monkeypatch.setattr(queues, "hide", lambda *_: None)
    channel.qos.restore_unacked()
    channel._deletes.close()
    assert queues.depth("orders") == queues.Depth(visible=0, in_flight=3)


def test_prefetch_counts_messages(channel: Channel, bundle: Bundle) -> None:
    assert channel.qos.can_consume_max_estimate() == 15
    channel.basic_ack(bundle.messages[0].receipt_handle)
    assert channel.qos.can_consume_max_estimate() == 20


def visible_in(seconds: float) -> int:
    with time_machine.travel(timezone.now().timestamp() + seconds):
        return queues.depth("orders").visible


def test_when_the_connection_ends_what_is_left_is_given_back_after_the_last_poll(
    channel: Channel, bundle: Bundle
) -> None:
    with pytest.raises(RetryLaterError):
        bundle.work_through(failing_at(bundle.messages[2]))
    channel.do_restore = True
    channel.close()
    wait = channel.wait_time_seconds
    assert queues.depth("orders") == queues.Depth(visible=0, in_flight=3)
    assert (visible_in(wait - 1), visible_in(wait + 1)) == (0, 3)


def test_at_the_end_of_a_connection_bundles_that_were_not_begun_are_given_back(
    sqs: None, channel: Channel
) -> None:
    publisher.publish_many(order_created() for _ in range(10))
    channel.connection._callbacks["orders"] = lambda raw: channel.qos.append(
        channel.Message(raw, channel=channel), raw["properties"]["delivery_tag"]
    )
    for number in (5, 2, 3):
        bundle = Bundle.of(queues.receive("orders", limit=number, visibility=300))
        channel._deliver(channel.connection._callbacks["orders"], bundle)
    channel.do_restore = True
    channel.close()
    assert visible_in(channel.wait_time_seconds + 1) == 10


def test_one_that_can_not_be_given_back_keeps_none_of_the_others(
    channel: Channel, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    queues.delete("orders", [bundle.messages[1].receipt_handle])
    channel.do_restore = True
    channel.close()
    assert visible_in(channel.wait_time_seconds + 1) == 4
    assert "queue=orders not_hidden=" in caplog.text


def test_a_worker_that_can_give_nothing_back_stops_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
    channel: Channel,
    bundle: Bundle,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(**_: Any) -> None:
        raise CredentialsError(error="none")

    monkeypatch.setattr(queues.sender(), "change_message_visibility_batch", refuse)
    channel.do_restore = True
    channel.close()
    told = "queue=orders call=ChangeMessageVisibilityBatch failed=CredentialsError"
    assert told in caplog.text


@pytest.mark.parametrize("wrong", [KeyError("no task"), MemoryError()])
def test_of_a_bundle_that_celery_does_not_take_each_message_is_left_to_sqs(
    monkeypatch: pytest.MonkeyPatch,
    sqs: None,
    channel: Channel,
    caplog: pytest.LogCaptureFixture,
    wrong: Exception,
) -> None:
    publisher.publish_many(order_created() for _ in range(3))
    received = queues.receive("orders")
    left: dict[str, int] = {}
    monkeypatch.setattr(
        queues, "hide", lambda queue, handle, seconds: left.update({handle: seconds})
    )

    def refuse(raw: dict[str, Any]) -> None:
        tag = raw["properties"]["delivery_tag"]
        channel.qos.append(channel.Message(raw, channel=channel), tag)
        raise wrong

    channel._deliver(refuse, Bundle.of(received))
    backoff = queues.backoff(1)
    assert left == {one.receipt_handle: backoff for one in received}
    assert channel.qos.in_flight() == []
    assert channel.qos.can_consume_max_estimate() == 20
    assert (
        f"messages=3 queue=orders not_delivered={type(wrong).__name__}" in caplog.text
    )
    assert queues.depth("orders").in_flight == 3, "nothing is deleted"
