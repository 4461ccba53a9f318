import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from processing.delivery import interruption, processor, sets, spool
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.handlers import orders, registry
from processing.handlers.effect import BusinessRuleError, Effect
from processing.models import Attempt, Order, OrderItem, Outcome, SpooledEvent
from processing.sqs import queues, topology
from processing.sqs.message import Message
from processing.worker.bundles import Bundle, NotBegunError
from tests.builders import message, order_created, order_updated, signup_requested

pytestmark = pytest.mark.django_db


def in_sets(*messages: Message) -> list[list[Message]]:
    return list(sets.process(messages))


def work_through(messages: Sequence[Message]) -> Bundle:
    """As a process of the pool does, and then others with those it did not begin."""
    bundle = Bundle.of(messages)
    try:
        bundle.work_through(processor.handle, sets.process)
    except (processor.RetryLaterError, NotBegunError):
        one_by_one(bundle.progress().not_begun)
    return bundle


def one_by_one(messages: Sequence[Message]) -> None:
    for one in messages:
        with suppress(processor.RetryLaterError):
            processor.handle(one)


def created(number: int, **changes: Any) -> list[Message]:
    return [
        message(order_created(order_id=f"ORD-{place}", **changes))
        for place in range(number)
    ]


def statements(call: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        call()
    return [one["sql"].partition(" ")[0] for one in asked.captured_queries]


def test_events_of_one_type_take_effect_in_one_transaction() -> None:
    together = created(10)
    asked = statements(lambda: in_sets(*together))
    assert asked == ["SAVEPOINT", *["INSERT"] * 3, "RELEASE"]
    assert Order.objects.count() == OrderItem.objects.count() == 10
    for one in Outcome.objects.all():
        order = Order.objects.get(request_id=one.request_id)
        assert one.kind == "processed"
        assert one.made == {"order": order.order_id}
    assert not Attempt.objects.exists()


def test_each_event_of_a_set_has_its_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    together = created(3)
    in_sets(*together)
    lines = [line for line in caplog.messages if "processed set=3" in line]
    assert len(lines) == 3
    for outcome, line in zip(
        Outcome.objects.order_by("pk"), sorted(lines), strict=True
    ):
        assert f"request_id={outcome.request_id} " in line
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


def test_a_set_of_copies_does_nothing() -> None:
    together = created(4)
    in_sets(*together)
    assert in_sets(*together) == []
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


@pytest.fixture(params=["one by one", "together"])
def fails(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Event], None]], None]:
    """Let the handler of orders do something first, with and without its apply_many."""

    def install(first: Callable[[Event], None]) -> None:
        def create_order(event: Event) -> Effect:
            first(event)
            return orders.create_order(event)

        def create_orders(events: Sequence[Event]) -> Sequence[Effect]:
            effects = orders.create_orders(events)
            for event in events:
                first(event)
            return effects

        monkeypatch.setitem(registry.HANDLERS, "order_created", create_order)
        if request.param == "together":
            registry.applies_many(create_order)(create_orders)

    return install


def refuse(event: Event) -> None:
    if event.data.group == "bad":
        raise BusinessRuleError("No.")


def fail(event: Event) -> None:
    if event.data.group == "bad":
        raise ConnectionError("For now.")


@pytest.mark.parametrize("place", [0, 4, 9])
def test_the_one_to_blame_is_named_and_its_neighbours_are_processed(
    fails: Any, sqs: None, place: int
) -> None:
    fails(refuse)
    together = created(10)
    bad = order_created(order_id=f"ORD-{place}", customer_id="bad")
    together[place] = message(bad)
    bundle = work_through(together)
    attempt = Attempt.objects.get()
    assert (attempt.request_id, attempt.error_type) == (bad.id, "BusinessRuleError")
    assert queues.depth("orders-dlq").visible == 1
    assert bundle.progress().done == together
    ids = set(Outcome.objects.values_list("pk", flat=True))
    assert len(ids) == Order.objects.count() == OrderItem.objects.count() == 9
    assert bad.id not in ids


@pytest.mark.parametrize("place", [0, 4, 9])
def test_one_that_fails_for_now_costs_no_neighbour_a_delivery(
    fails: Any, place: int
) -> None:
    fails(fail)
    together = created(10)
    bad = order_created(order_id=f"ORD-{place}", customer_id="bad")
    together[place] = message(bad)
    bundle = work_through(together)
    assert [one.body for one in bundle.progress().failed] == [bad.body]
    assert Attempt.objects.get().request_id == bad.id
    assert Order.objects.count() == Outcome.objects.count() == 9


@pytest.mark.parametrize("place", range(3))
def test_an_order_id_of_another_order_is_refused_in_a_set_too(
    sqs: None, place: int
) -> None:
    together = created(3)
    processor.process(order_created(order_id=f"ORD-{place}", customer_id="C-2"))
    work_through(together)
    assert Attempt.objects.get().error_type == "OrderExistsError"
    assert Order.objects.count() == Outcome.objects.count() == 3


def test_an_order_that_exists_with_the_same_content_is_skipped_in_a_set_too() -> None:
    processor.process(order_created(order_id="ORD-1"))
    work_through(created(3))
    assert Order.objects.count() == 3
    assert Outcome.objects.count() == 4


def test_the_set_leaves_nothing_behind_when_its_follow_ups_cannot_be_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse_rows(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(spool, "record_many", refuse_rows)
    assert in_sets(*created(3)) == []
    assert not Outcome.objects.exists()
    assert not Order.objects.exists()


def signups(number: int) -> list[Message]:
    return [
        message(signup_requested(email=f"c{place}@example.com"))
        for place in range(number)
    ]


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


def test_an_error_after_the_commit_repeats_no_effect(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = spool.send_follow_ups
    failures = iter([ConnectionError("the database went away")])

    def fail_once(*causes: str) -> int:
        for failure in failures:
            raise failure
        return send(*causes)

    monkeypatch.setattr(spool, "send_follow_ups", fail_once)
    together = signups(3)
    work_through(together)
    assert Outcome.objects.count() == 3
    assert queues.depth("emails").visible == 3
    assert not SpooledEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_set_that_takes_too_long_is_given_up_and_none_has_failed(
    fails: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "LONGEST", 0.1)
    monkeypatch.setattr("processing.worker.bundles.BEGIN_FOR", 0.1)

    def hang(event: Event) -> None:
        while event.data.group == "bad":
            try:
                time.sleep(60)
            except Exception:  # noqa: S112 - as a handler that retries whatever comes
                continue

    fails(hang)
    together = [*created(3), message(order_created(customer_id="bad"))]
    bundle = Bundle.of(together)
    with pytest.raises(NotBegunError):
        bundle.work_through(processor.handle, sets.process)
    assert bundle.progress().not_begun == together
    assert not Outcome.objects.exists()
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error", [SoftTimeLimitExceeded, interruption.TookTooLongError]
)
def test_an_interruption_after_a_begin_leaves_no_transaction_open(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def be_interrupted(_: object) -> None:
        connection.set_autocommit(False)
        connection.in_atomic_block = True  # and the block itself was not entered
        raise error

    with monkeypatch.context() as interrupted:
        interrupted.setattr(sets, "_take_effect", be_interrupted)
        assert in_sets(*created(2)) == []
    together = created(2)
    assert in_sets(*together) == [together]
    connection.close()  # an open transaction would be rolled back
    assert Order.objects.count() == 2


def test_no_interruption_comes_after_its_block() -> None:
    with interruption.interrupt_after(0.05):
        pass
    time.sleep(0.1)
    with (
        pytest.raises(interruption.TookTooLongError),
        interruption.interrupt_after(0.05),
    ):
        time.sleep(5)


def contents() -> dict[str, Any]:
    """What the database holds of orders and outcomes, without the times of insertion."""
    found = {
        order.order_id: (order.customer_id, order.status, order.request_id, order.total)
        for order in Order.objects.all()
    }
    items = OrderItem.objects.values_list("order", "line", "sku", "quantity")
    outcomes = Outcome.objects.values_list("pk", "kind", "type", "made", "fingerprint")
    return {
        "orders": found,
        "items": sorted(items),
        "outcomes": {pk: rest for pk, *rest in outcomes},
        "attempts": Counter(Attempt.objects.values_list("request_id", "error_type")),
    }


def any_event(chance: random.Random) -> Event:
    """One that may meet another in its order or its request id."""
    order = f"ORD-{chance.randrange(6)}"
    customer = chance.choice(["C-17", "C-17", "C-2"])
    if chance.random() < 0.6:
        event = order_created(order_id=order, customer_id=customer)
    else:
        event = order_updated(
            order_id=order,
            customer_id=customer,
            status=chance.choice(["paid", "shipped"]),
            changed_at=f"2025-01-0{chance.randint(1, 5)}T00:00:00+00:00",
        )
    id = f"r-{chance.randrange(12)}"
    return event.model_copy(update={"id": id, "correlation_id": id})


@pytest.mark.parametrize("seed", range(20))
def test_what_comes_of_events_is_the_same_in_sets_and_one_by_one(
    sqs: None, seed: int
) -> None:
    chance = random.Random(seed)
    polls = [[message(any_event(chance)) for _ in range(10)] for _ in range(2)]
    found = []
    for work in (work_through, one_by_one):
        with transaction.atomic():
            for messages in polls:
                work(messages)
            found.append(contents())
            transaction.set_rollback(True)
    assert found[0] == found[1]
