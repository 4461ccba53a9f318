"""Several receives are stored in one transaction; if that fails, each message alone."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pytest_django import DjangoAssertNumQueries

from dlq_review.models import Arrival, DeadLetter
from dlq_review.pull import arrivals, new_letters, puller
from processing.events.envelope import Event
from processing.sqs import queues
from tests.builders import order_created

pytestmark = pytest.mark.django_db

COUNT = 23  # three receives
#: Statements of a set, however many messages it has; 3 of a new failure's alert, and one
#: for the keys on PostgreSQL.
MOST = 24


def dead(count: int = COUNT) -> list[Event]:
    events = [order_created() for _ in range(count)]
    for start in range(0, count, 10):
        queues.client().send_message_batch(
            QueueUrl=queues.url("orders-dlq"),
            Entries=[
                {"Id": str(number), "MessageBody": event.body}
                for number, event in enumerate(events[start : start + 10])
            ],
        )
    return events


def pulled() -> set[str]:
    return set(DeadLetter.objects.values_list("request_id", flat=True))


def left() -> int:
    depth = queues.depth("orders-dlq")
    return depth.visible + depth.in_flight


def test_several_receives_are_stored_by_as_many_statements_as_one(
    sqs: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    events = dead()
    with django_assert_max_num_queries(MOST):
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


@pytest.mark.parametrize(
    ("limit", "size"), [("ROOM", 1), ("GATHERING", 0), ("SET", 10)]
)
def test_a_set_ends_where_its_bodies_its_time_or_its_number_are_used_up(
    sqs: None, monkeypatch: pytest.MonkeyPatch, limit: str, size: int
) -> None:
    dead()
    monkeypatch.setattr(puller, limit, size)
    done = puller.PullCounts()
    assert puller.pull_set("orders-dlq", done) == 10
    assert Arrival.objects.count() == 10
    assert left() == COUNT - 10
