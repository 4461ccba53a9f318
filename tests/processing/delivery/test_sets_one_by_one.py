"""A random list of events does the same in sets as one by one."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from processing.delivery import processor
from processing.events.envelope import Event
from processing.metrics import tally
from processing.models import (
    Attempt,
    Order,
    OrderItem,
    OrderReturn,
    Outcome,
    Signup,
    User,
)
from processing.sqs import queues
from processing.sqs.message import Message
from tests.builders import (
    message,
    order_created,
    order_returned,
    order_updated,
    signup_requested,
)
from tests.processing.one_poll import (
    one_by_one,
    work_through,
)

pytestmark = pytest.mark.django_db


def contents() -> dict[str, Any]:
    """What the database and the queue of mails hold, without keys that are counted."""
    orders = Order.objects.values_list(
        "order_id", "customer_id", "status", "status_changed_at", "request_id", "total"
    )
    signups = Signup.objects.values_list("pk", "account__email", "name", "profile")
    return {
        "orders": sorted(orders),
        "items": sorted(OrderItem.objects.values_list("order", "line", "sku")),
        "returns": sorted(OrderReturn.objects.values_list("order", "request_id")),
        "users": sorted(User.objects.values_list("email", "name", "request_id")),
        "signups": sorted(signups, key=str),
        "outcomes": sorted(
            Outcome.objects.values_list("pk", "kind", "type", "made", "fingerprint"),
            key=str,
        ),
        "attempts": sorted(Attempt.objects.values_list("request_id", "error_type")),
        "mails": sorted(_drained("emails")),
    }


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What metrics are told of each delivery."""
    told: list[tuple[str, str]] = []

    def begun(message: Message, at: datetime) -> None:
        told.append(("begun", message.id))

    def ended(queue: str, status: str, ms: int) -> None:
        told.append((queue, status))

    monkeypatch.setattr(tally, "begun", begun)
    monkeypatch.setattr(tally, "ended", ended)
    return told


def _drained(queue: str) -> Iterator[str]:
    while received := queues.receive(queue):
        queues.delete(queue, [one.receipt_handle for one in received])
        yield from (processor.identify(one).request_id for one in received)


def any_event(chance: random.Random, different: int) -> Event:
    """One that may meet another in its order, its address or its request id."""
    who = chance.randrange(different)
    order = {
        "order_id": f"ORD-{who}",
        "customer_id": chance.choice(["C-17", "C-17", "C-2"]),
    }
    day = f"2025-01-0{chance.randint(1, 5)}T00:00:00+00:00"
    status = chance.choice(["paid", "shipped"])
    sku = chance.choice(["TEA-1", "TEA-1", "CUP-2"])
    name = chance.choice(["Ada", "Eve"])
    make: Callable[[], Event] = chance.choice(
        [
            lambda: order_created(**order),
            lambda: order_created(**order),
            lambda: order_updated(**order, status=status, changed_at=day),
            lambda: order_returned(**order, skus=[sku]),
            lambda: signup_requested(email=f"c{who}@example.com", name=name),
        ]
    )
    id = f"r-{chance.randrange(5 * different)}"
    return make().model_copy(update={"id": id, "correlation_id": id})


def polls_of(events: Sequence[Event]) -> Iterator[list[Message]]:
    """As they come: of one queue at a time, ten at most."""
    for start in range(0, len(events), 20):
        for queue in ("orders", "returns", "signups"):
            poll = [one for one in events[start : start + 20] if one.queue == queue]
            for first in range(0, len(poll), 10):
                yield [message(one) for one in poll[first : first + 10]]


@pytest.mark.parametrize("different", [5, 40])
@pytest.mark.parametrize("seed", range(4))
def test_what_comes_of_events_is_the_same_in_sets_and_one_by_one(
    sqs: None, counted: list[tuple[str, str]], seed: int, different: int
) -> None:
    chance = random.Random(seed)
    polls = list(polls_of([any_event(chance, different) for _ in range(40)]))
    found = []
    for work in (work_through, one_by_one):
        with transaction.atomic():
            for messages in polls:
                work(messages)
            found.append({**contents(), "counted": sorted(counted)})
            counted.clear()
            transaction.set_rollback(True)
    assert found[0] == found[1]
