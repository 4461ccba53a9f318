"""Sets: the events of one type in one poll, in one transaction."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from processing.delivery import processor
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.models import (
    Attempt,
    Order,
    OrderItem,
    Outcome,
    Signup,
    SpooledEvent,
)
from processing.sqs import queues, topology
from processing.sqs.message import Message
from tests.builders import message, order_created, order_updated, signup_requested
from tests.processing.one_poll import (
    created,
    in_sets,
    signups,
    work_through,
)

pytestmark = pytest.mark.django_db


def statements(call: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        call()
    return [one["sql"].partition(" ")[0] for one in asked.captured_queries]


def test_events_of_one_type_take_effect_in_one_transaction() -> None:
    together = created(50)
    asked = statements(lambda: in_sets(*together))
    assert asked == ["SAVEPOINT", *["INSERT"] * 3, "RELEASE"]
    assert Order.objects.count() == OrderItem.objects.count() == 50
    for one in Outcome.objects.all():
        order = Order.objects.get(request_id=one.request_id)
        assert one.kind == "processed"
        assert one.made == {"order": order.order_id}
    assert not Attempt.objects.exists()


def test_each_event_of_a_set_has_its_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    events = [
        Event.new(order_created(order_id=f"ORD-{place}").data, correlation_id="c-1")
        for place in range(3)
    ]
    in_sets(*map(message, events))
    lines = [line for line in caplog.messages if "set=3 outcome=processed" in line]
    assert len(lines) == 3
    for outcome, line in zip(
        Outcome.objects.order_by("pk"), sorted(lines), strict=True
    ):
        assert f"request_id={outcome.request_id} correlation_id=c-1 " in line
        assert "type=order_created receive_count=1" in line


def test_each_type_has_a_set_of_its_own() -> None:
    for one in created(2):
        processor.handle(one)
    new = [message(order_created(order_id=f"NEW-{place}")) for place in range(2)]
    changes = [message(order_updated(order_id=f"ORD-{place}")) for place in range(2)]
    assert in_sets(new[0], changes[0], changes[1], new[1]) == [new, changes]
    assert Order.objects.filter(status="paid").count() == 2
    made = Outcome.objects.filter(type="order_updated").values_list("made", flat=True)
    assert {one["status"] for one in made} == {"paid"}


@pytest.mark.parametrize("place", range(4))
def test_a_copy_leaves_the_set_and_changes_nothing(place: int) -> None:
    together = created(4)
    processor.handle(together[place])
    Order.objects.update(status="paid")
    assert in_sets(*together) == [[*together[:place], *together[place + 1 :]]]
    work_through(together)
    assert Order.objects.get(status="paid").order_id == f"ORD-{place}"
    assert Outcome.objects.count() == Order.objects.count() == 4
    assert not Attempt.objects.exists()


def test_a_set_of_copies_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    together = created(4)
    in_sets(*together)
    assert in_sets(*together) == []
    assert "rolled_back" not in caplog.text
    work_through(together)
    assert Order.objects.count() == 4
    assert not Attempt.objects.exists()


def test_one_event_twice_in_a_poll_takes_effect_once() -> None:
    first, *others = created(3)
    copy = message(first.body)
    assert in_sets(first, copy, *others) == [[first, *others]]
    work_through([first, copy, *others])
    assert Order.objects.count() == Outcome.objects.count() == 3
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("place", range(4))
def test_a_request_id_with_another_body_is_a_conflict_in_a_set_too(
    sqs: None, place: int
) -> None:
    together = created(4)
    taken = order_created(order_id="OTHER")
    processor.process(taken)
    conflict = order_created(id=taken.id, order_id=f"ORD-{place}")
    together[place] = message(conflict)
    work_through(together)
    assert Attempt.objects.get().error_type == "RequestIdConflictError"
    assert queues.depth("orders-dlq").visible == 1
    assert Order.objects.count() == 4


def test_of_two_about_one_order_the_later_goes_alone_and_after() -> None:
    first, second, third = created(3)
    change = message(
        order_updated(order_id="ORD-0", changed_at="2025-01-01T00:00:00+00:00")
    )
    newer = message(
        order_updated(
            order_id="ORD-0", status="shipped", changed_at="2025-01-02T00:00:00+00:00"
        )
    )
    assert in_sets(first, change, second, newer, third) == [[first, second, third]]
    for one in (change, newer):
        processor.handle(one)
    assert Order.objects.get(order_id="ORD-0").status == "shipped"


def test_two_changes_of_one_order_are_made_in_their_order() -> None:
    for one in created(2):
        processor.handle(one)
    changes = [
        message(
            order_updated(
                order_id=f"ORD-{place}",
                status=status,
                changed_at="2025-01-01T00:00:00+00:00",
            )
        )
        for place, status in [(0, "paid"), (1, "paid"), (0, "shipped"), (1, "shipped")]
    ]
    work_through(changes)
    assert Order.objects.filter(status="shipped").count() == 2


def test_an_event_without_a_timestamp_was_sent_when_sqs_says_in_a_set_too() -> None:
    together = []
    for place in range(2):
        fields = json.loads(signup_requested(email=f"c{place}@example.com").body)
        del fields["timestamp"]
        sent_at = datetime(2026, 1, 1 + place, tzinfo=UTC)
        together.append(message(json.dumps(fields), queue="signups", sent_at=sent_at))
    assert in_sets(*together) == [together]
    asked = Signup.objects.order_by("asked_at").values_list("asked_at", flat=True)
    assert list(asked) == [one.sent_at for one in together]


def alone(kind: str) -> Message:
    event = order_created()
    if kind == "redriven":
        return message(event, attributes={"redrive": "{}"})
    if kind == "delivered before":
        return message(event, receive_count=2)
    if kind == "on another queue":
        return message(event, queue="signups")
    return message("no event")


@pytest.mark.parametrize(
    "kind", ["redriven", "delivered before", "on another queue", "unreadable"]
)
def test_what_is_not_as_the_others_goes_alone(kind: str) -> None:
    together = created(2)
    first, second = together
    assert in_sets(first, alone(kind), second) == [together]
    assert Outcome.objects.count() == 2


def test_of_a_fifo_queue_each_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fifo = topology.Queue("orders", fifo=True)
    monkeypatch.setitem(topology.QUEUES, "orders", fifo)
    assert in_sets(*created(2)) == []


def test_a_mail_is_never_in_a_set(mailoutbox: list[Any]) -> None:
    mails = [
        message(
            Event.new(EmailRequested(recipient=f"{to}@b.co", subject="A", body="B"))
        )
        for to in ("ada", "eve")
    ]
    assert in_sets(*mails) == []
    assert mailoutbox == []


def test_a_database_that_returns_no_rows_of_an_insert_has_no_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = type(connection.features)
    monkeypatch.setattr(features, "can_return_rows_from_bulk_insert", False)
    assert in_sets(*created(2)) == []


def test_the_follow_ups_of_a_set_are_sent_in_one_call(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = signups(10)
    assert in_sets(*together) == [together]
    assert queues.depth("emails").visible == 10
    assert not SpooledEvent.objects.exists()


def test_follow_ups_of_a_set_that_cannot_be_sent_wait_in_the_spool(
    no_sqs: None,
) -> None:
    together = signups(3)
    assert in_sets(*together) == [together]
    causes = SpooledEvent.objects.values_list("cause", flat=True)
    assert set(causes) == set(Outcome.objects.values_list("pk", flat=True))
