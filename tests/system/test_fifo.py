"""Order on a FIFO queue: a real SQS server and a worker that does four things at once."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from processing.events.envelope import Event
from processing.models import Attempt, Outcome
from processing.sqs import publisher, queues
from tests import boot
from tests.builders import order_created, order_updated, redrive_now
from tests.live import LiveSystem, live_system, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]

CUSTOMERS = ("C-1", "C-2", "C-3", "C-4", "C-5")


@pytest.fixture
def system(
    fifo_orders: None, tmp_path: Path, settings: Settings
) -> Iterator[LiveSystem]:
    with live_system(tmp_path, settings) as running:
        yield running


def start_worker(
    system: LiveSystem, name: str = "worker", **environment: str
) -> subprocess.Popen[bytes]:
    return system.start_worker(
        name, FIFO_QUEUES="orders", WORKER_CONCURRENCY="4", **environment
    )


def history(customer: str) -> list[Event]:
    """Six events of one customer: an order and what became of it, until it is paid."""
    about = {"order_id": f"ORD-{customer}", "customer_id": customer}
    changes = [
        order_updated(**about, changed_at=f"2025-01-0{day}T00:00:00+00:00")
        for day in range(1, 6)
    ]
    return [order_created(**about), *changes]


def processed(events: list[Event]) -> list[str]:
    """The request ids of those that took effect, in the order in which they did."""
    ids = [event.id for event in events]
    rows = Outcome.objects.filter(request_id__in=ids).order_by("at")
    return list(rows.values_list("request_id", flat=True))


def send_in_turn(histories: list[list[Event]]) -> None:
    """The first event of each, then the second of each, and so on."""
    for events in zip(*histories, strict=True):
        assert all(sent.error is None for sent in publisher.publish_many(events))


def test_each_customers_events_take_effect_in_the_order_sent(
    system: LiveSystem,
) -> None:
    histories = [history(customer) for customer in CUSTOMERS]
    send_in_turn(histories)
    start_worker(system)
    wait_for(lambda: Outcome.objects.count() == 30)
    for events in histories:
        assert processed(events) == [event.id for event in events]
    assert not Attempt.objects.exists(), "no change came before its order"
    assert not Outcome.objects.filter(made__status="stale").exists()


def test_a_worker_killed_while_it_works_leaves_the_order_as_it_was(
    system: LiveSystem,
) -> None:
    histories = [history(customer) for customer in CUSTOMERS]
    worker = start_worker(system, **boot.environment(VISIBILITY="2"))
    send_in_turn(histories)
    wait_for(Outcome.objects.exists)
    system.kill(worker)
    start_worker(system, "second")
    wait_for(lambda: Outcome.objects.count() == 30)
    for events in histories:
        assert processed(events) == [event.id for event in events]
    assert queues.depth("orders-dlq").visible == 0


def test_what_fails_holds_back_its_own_group_alone_until_it_is_redriven(
    system: LiveSystem,
) -> None:
    failing, *others = CUSTOMERS
    too_early = order_updated(order_id="ORD-none", customer_id=failing)
    held_back = [too_early, *history(failing)[:5]]
    free = [history(customer) for customer in others]
    send_in_turn([held_back, *free])
    start_worker(system)
    wait_for(lambda: Outcome.objects.count() == 4 * 6 + 5)
    last_attempt = Attempt.objects.filter(request_id=too_early.id).latest("started_at")
    assert last_attempt.receive_count == 3
    assert Attempt.objects.count() == 3, "the later ones ran once, and not in vain"
    for outcome in Outcome.objects.exclude(request_id=too_early.id):
        before = outcome.request_id not in [event.id for event in held_back]
        assert (outcome.at < last_attempt.started_at) is before
    assert processed(held_back) == [event.id for event in held_back[1:]]

    assert puller.pull(["orders-dlq"]).stored == 1
    publisher.publish(order_created(order_id="ORD-none", customer_id=failing))
    wait_for(lambda: Outcome.objects.count() == 4 * 6 + 6)
    redrive_now(DeadLetter.objects.get(), by="ada")
    wait_for(lambda: processed([too_early]))
