"""A set that fails leaves nothing, and each of its events is handled alone."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection

from processing.delivery import interruption, processor, sets, spool
from processing.events.envelope import Event
from processing.handlers import orders, registry
from processing.handlers.effect import BusinessRuleError, Effect
from processing.models import Attempt, Order, OrderItem, Outcome, SpooledEvent
from processing.sqs import queues
from processing.worker.bundles import Bundle, NotBegunError
from tests.builders import message, order_created
from tests.processing.one_poll import (
    created,
    in_sets,
    signups,
    work_through,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["one by one", "together"])
def fails(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Event], None]], None]:
    """Let the handler of orders do something first, with and without its apply_many.

    A busy machine ends no set and no bundle: each process that did would begin another one.
    """
    monkeypatch.setattr(sets, "LONGEST", 60)
    monkeypatch.setattr("processing.worker.bundles.BEGIN_FOR", 60)

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


@pytest.mark.parametrize("place", range(10))
def test_the_one_to_blame_is_named_and_its_neighbours_are_processed(
    fails: Any, sqs: None, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    fails(refuse)
    together = created(10)
    bad = order_created(order_id=f"ORD-{place}", customer_id="bad")
    together[place] = message(bad)
    bundle = work_through(together)
    assert (
        "type=order_created set=10 rolled_back=BusinessRuleError; each is handled alone"
    ) in caplog.messages
    attempt = Attempt.objects.get()
    assert (attempt.request_id, attempt.error_type) == (bad.id, "BusinessRuleError")
    assert queues.depth("orders-dlq").visible == 1
    assert bundle.progress().done == together
    ids = set(Outcome.objects.values_list("pk", flat=True))
    assert len(ids) == Order.objects.count() == OrderItem.objects.count() == 9
    assert bad.id not in ids


@pytest.mark.parametrize("place", range(10))
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
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def be_interrupted(*_: object) -> None:
        connection.set_autocommit(False)
        connection.in_atomic_block = True  # and the block itself was not entered
        raise error

    with monkeypatch.context() as interrupted:
        interrupted.setattr(sets, "_take_effect", be_interrupted)
        assert in_sets(*created(2)) == []
    assert not connection.in_atomic_block
    assert caplog.messages == [
        f"type=order_created set=2 rolled_back={error.__name__}; each is handled alone"
    ]
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
