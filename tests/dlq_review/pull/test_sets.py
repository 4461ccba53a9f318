"""Several receives are stored in one transaction; if that fails, each message alone."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pytest_django import DjangoAssertNumQueries

from dlq_review.models import DeadLetter
from dlq_review.monitoring import early_warnings
from dlq_review.pull import arrivals, new_letters, puller, receiving
from processing.events.envelope import Event
from processing.sqs import at_once as at_once_module
from processing.sqs import entries, queues
from tests.builders import order_created
from tests.live import wait_for

pytestmark = pytest.mark.django_db

COUNT = 23  # three receives
#: Statements of a set, however many messages it has; 3 of a new failure's alert, and one
#: for the keys on PostgreSQL.
MOST = 24
OF_LOSS = 4  # statements that alert that SQS nearly dropped some


def dead(count: int = COUNT, **beside: Any) -> list[Event]:
    events = [order_created() for _ in range(count)]
    for start in range(0, count, 10):
        queues.client().send_message_batch(
            QueueUrl=queues.url("orders-dlq"),
            Entries=[
                entry(number, event) | beside
                for number, event in enumerate(events[start : start + 10])
            ],
        )
    return events


def entry(number: int, event: Event) -> Any:
    sent = {"Id": str(number), "MessageBody": event.body}
    return sent | entries.on_fifo("orders", "C-17", event.id)


def pulled() -> set[str]:
    return set(DeadLetter.objects.values_list("request_id", flat=True))


def left() -> int:
    depth = queues.depth("orders-dlq")
    return depth.visible + depth.in_flight


@pytest.mark.parametrize("near_loss", [False, True])
def test_several_receives_are_stored_by_as_many_statements_as_one(
    sqs: None,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    near_loss: bool,
) -> None:
    if near_loss:
        monkeypatch.setattr(early_warnings, "near", lambda: timedelta.max)
    events = dead()
    with django_assert_max_num_queries(MOST + OF_LOSS * near_loss):
        assert puller.pull(["orders-dlq"]).stored == COUNT
    assert pulled() == {event.id for event in events}
    assert left() == 0


@pytest.mark.parametrize("place", [0, 10, COUNT - 1])
def test_a_poison_message_anywhere_in_a_set_is_named_and_holds_nobody_up(
    sqs: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: int,
) -> None:
    poison = dead()[place]
    fields = new_letters.arrival_fields

    def fail_for_poison(pulled: Any) -> dict[str, Any]:
        if pulled.identity.request_id == poison.id:
            raise RuntimeError("disk")
        return fields(pulled)

    for module in (new_letters, arrivals):
        monkeypatch.setattr(module, "arrival_fields", fail_for_poison)
    done = puller.pull(["orders-dlq"])
    assert (done.stored, done.known, done.left) == (COUNT - 1, 0, 1)
    assert poison.id not in pulled()
    assert left() == 1
    (named,) = [one for one in caplog.messages if "not_stored=RuntimeError" in one]
    assert "message_id=" in named


def test_what_was_received_before_sqs_went_away_is_stored(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead()
    receive, asked = queues.receive, []

    def receive_twice(*args: Any, **options: Any) -> Any:
        asked.append(args)
        if len(asked) > 2:
            raise EndpointConnectionError(endpoint_url="sqs")
        return receive(*args, **options)

    monkeypatch.setattr(queues, "receive", receive_twice)
    assert puller.pull(["orders-dlq"]).stored == 20
    assert left() == COUNT - 20


def test_a_delete_without_an_answer_keeps_no_later_set_from_being_stored(
    sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was received ahead would stay invisible for two minutes."""
    events = dead()
    monkeypatch.setattr(receiving, "SET", 10)
    delete, failing = queues.delete, iter([EndpointConnectionError(endpoint_url="sqs")])

    def fail_once(*args: Any) -> list[str]:
        for error in failing:
            raise error
        return delete(*args)

    monkeypatch.setattr(queues, "delete", fail_once)
    assert puller.pull(["orders-dlq"]).stored == COUNT
    assert pulled() == {event.id for event in events}
    assert left() == 10, "they come again and are recognised"
    assert "call=delete failed=EndpointConnectionError" in caplog.text


@pytest.mark.parametrize(
    ("limit", "size", "taken"),
    [
        ("ROOM", 1, 10),
        ("GATHERING", 0, 10),
        *(("SET", size, size) for size in (7, 10, 14, 20, 22)),
    ],
)
def test_a_set_ends_where_its_bodies_its_time_or_its_number_are_used_up(
    sqs: None, monkeypatch: pytest.MonkeyPatch, limit: str, size: int, taken: int
) -> None:
    dead()
    monkeypatch.setattr(receiving, limit, size)
    assert len(receiving.receive_set("orders-dlq")) == taken
    assert queues.depth("orders-dlq") == queues.Depth(COUNT - taken, taken)


def test_attributes_take_room_in_a_set_as_bodies_do(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message may have a MiB of them beside a body of one character."""
    note = {"DataType": "String", "StringValue": "n" * 1000}
    dead(MessageAttributes={"note": note})
    monkeypatch.setattr(receiving, "ROOM", 10 * 1000)
    assert len(receiving.receive_set("orders-dlq")) == 10


@pytest.mark.parametrize("size", [1, 200, 100_000])
def test_calls_at_once_take_no_more_than_there_is_room_for(
    sqs: None, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """By the size of the messages that came first: each call may bring ten of a MiB."""
    dead(50)
    monkeypatch.setattr(receiving, "_size", lambda messages: size * len(messages))
    calls: list[int] = []
    at_once = at_once_module.at_once

    def counted(call: Any, limits: Sequence[int]) -> Any:
        calls.append(len(limits))
        return at_once(call, limits)

    monkeypatch.setattr(receiving, "at_once", counted)
    messages = receiving.receive_set("orders-dlq")
    if size == 100_000:
        assert (calls, len(messages)) == ([1], 20)
    else:
        assert calls[0] == at_once_module.WAYS
        assert len({message.id for message in messages}) == 50


def test_the_next_set_is_received_while_one_is_stored(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = dead()
    monkeypatch.setattr(receiving, "SET", 10)
    store, held = puller.store_set, iter([20, 13, 3])

    def store_once_the_next_is_there(*args: Any) -> None:
        both = next(held)
        wait_for(lambda: queues.depth("orders-dlq").in_flight == both)
        store(*args)

    monkeypatch.setattr(puller, "store_set", store_once_the_next_is_there)
    assert puller.pull(["orders-dlq"]).stored == COUNT
    assert pulled() == {event.id for event in events}
    assert left() == 0


def test_one_pull_empties_a_fifo_dlq_of_a_single_customer(
    fifo_orders: None, sqs: None
) -> None:
    """SQS gives no message of a group while another of it is in flight."""
    events = dead()
    assert puller.pull(["orders-dlq"]).stored == COUNT
    assert pulled() == {event.id for event in events}
    assert left() == 0
