"""Kill a real process between two steps of an operation on many letters, or of a policy's run.

Then start again, and check the books.
"""

import pytest
from django.utils import timezone

from dlq_review.models import (
    DeadLetter,
    Operation,
    RedrivePolicy,
)
from dlq_review.monitoring import books
from dlq_review.operations import control, plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.models import Order, Outcome
from processing.sqs import publisher
from tests.builders import order_created
from tests.crash_points.letters import (
    processed_once,
    send_dead,
    send_dead_bodies,
)
from tests.crash_points.system import Point
from tests.dlq_review.policies import active

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]
S = DeadLetter.State
SCHEDULED = [  # in the order of dlq_review/schedule/runs.py
    "after dlq_review.schedule.runs:_take 1",
    "after dlq_review.schedule.probes:ask 1",
    "after dlq_review.operations.plans:fill 1",
    "after dlq_review.operations.control:start 1",
    "after dlq_review.schedule.runs:_start 1",
    "after dlq_review.schedule.runs:_begin 1",
]


@pytest.mark.parametrize(
    "crash_at",  # each second one where there is time
    [
        pytest.param(one, marks=[pytest.mark.long] if number % 2 else [])
        for number, one in enumerate(SCHEDULED)
    ],
)
def test_the_run_of_a_policy(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(3)]
    send_dead(*events)
    point.drain()
    policy = active()
    point.step("schedule", crash_at=crash_at)
    RedrivePolicy.objects.update(leased_until=None)  # some time later
    point.step("schedule")
    operation = Operation.objects.get()
    assert (operation.policy, operation.total) == (policy, 3)
    for _ in range(2):
        point.step("operate")
        point.drain()
    point.step("operate")
    operation.refresh_from_db()
    assert operation.state == Operation.State.DONE
    processed_once(*events)


OPERATION = [  # its first step takes one letter, the second takes eleven
    "after dlq_review.redrive.claims:take_all 2",
    "after processing.sqs.batches:send_batch 2",
    "after dlq_review.redrive.sender:send_claimed 2",
    "after dlq_review.operations.recording:write 2",
]


@pytest.mark.long  # a repair has the same steps
@pytest.mark.parametrize("crash_at", OPERATION)
def test_operation(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]
    send_dead(*events)
    point.drain()
    operation = plans.freeze(Selection(), Plan(rate=500), by="ada", reason="test")
    control.start(operation, by="ada")
    point.step("operate", crash_at=crash_at)
    Operation.objects.update(leased_until=timezone.now())  # some time later
    point.drain()
    point.step("operate")
    point.drain()
    point.step("operate")
    states = operation.items.values_list("state", flat=True)
    assert set(states) == {"processed"}
    operation.refresh_from_db()
    assert operation.state == Operation.State.DONE
    processed_once(*events)


REPAIR = [  # its first step takes one letter, the second takes eleven
    "after dlq_review.letters.revisions:_update 2",
    "after dlq_review.operations.recording:write 3",  # of the edits, not committed
    "before dlq_review.redrive.sender:redrive_many 2",  # edited, and not claimed
    "after dlq_review.redrive.claims:take_all 2",
    "after processing.sqs.batches:send_batch 2",
    "after dlq_review.operations.recording:write 4",
]


@pytest.mark.parametrize("crash_at", REPAIR)
def test_repair(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]
    send_dead_bodies(*(event.body.replace('"EUR"', '"euros"') for event in events))
    point.drain()
    patch = [{"op": "replace", "path": "/data/currency", "value": "EUR"}]
    plan = Plan(kind="repair", patch=patch, rate=500)
    operation = plans.freeze(Selection(), plan, by="ada", reason="test")
    control.start(operation, by="ada")
    point.step("operate", crash_at=crash_at)
    Operation.objects.update(leased_until=timezone.now())  # some time later
    for _ in range(3):
        point.drain()
        point.step("operate")
    states = operation.items.values_list("state", flat=True)
    assert set(states) == {"processed"}
    operation.refresh_from_db()
    assert operation.state == Operation.State.DONE
    assert set(DeadLetter.objects.values_list("revision", flat=True)) == {1}
    processed_once(*events)


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.settlement:_bury 1",
        "after dlq_review.letters.transitions:_write_trail 1",
        "after dlq_review.letters.settlement:discard_all 1",
    ],
)
def test_discard_of_a_set(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]
    send_dead(*events)
    point.drain()
    point.step("discard_all", crash_at=crash_at)
    discarded = DeadLetter.objects.filter(state=S.DISCARDED)
    tombstones = Outcome.objects.filter(kind=Outcome.Kind.DISCARDED)
    assert discarded.count() == tombstones.count() in (0, 12), "a set half committed"
    point.step("discard_all")
    publisher.publish_many(events)  # late copies
    point.drain()
    assert discarded.count() == 12
    assert not Order.objects.exists()
    assert books.close().balanced
