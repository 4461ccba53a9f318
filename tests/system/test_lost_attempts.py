"""However an attempt ends, SQS delivers again, and the last word is a dead letter.

An attempt that could still speak leaves its error. One that could not is counted: the
dead letter says how many ended without a report.
"""

import re

import pytest
from django.db import connection

from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from dlq_review.pull.failure_reason import NO_REPORT
from processing.events.envelope import Event
from processing.models import Attempt, Order, Outcome
from processing.sqs import publisher, queues
from tests import boot
from tests.builders import order_created
from tests.live import LiveSystem, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]

DELIVERIES = 3
#: What the triage desk says of each deed of tests/boot/misbehave.py.
SAID = {
    "too-slow": "SoftTimeLimitExceeded",
    "hangs": NO_REPORT,
    "too-much-memory": "MemoryError",
    "killed": NO_REPORT,
    "exits": NO_REPORT,
}
SILENT = [deed for deed, said in SAID.items() if said == NO_REPORT]


def misbehaving(time_limit: int) -> dict[str, str]:
    return boot.environment(MISBEHAVE="1", TIME_LIMIT=str(time_limit))


def publish(events: list[Event]) -> None:
    assert all(sent.message_id for sent in publisher.publish_many(events))


def all_processed(events: list[Event]) -> bool:
    done = Order.objects.filter(request_id__in=[event.id for event in events])
    return done.count() == len(events)


def letter_of(event: Event) -> DeadLetter:
    return DeadLetter.objects.get(request_id=event.id)


def test_every_way_an_attempt_can_end_is_told_and_no_neighbour_suffers(
    system: LiveSystem,
) -> None:
    # On SQLite whoever misbehaves holds the only lock, and the others would time out.
    processes = "1" if connection.vendor == "sqlite" else "4"
    limited = misbehaving(time_limit=6)
    worker = system.start_worker(WORKER_CONCURRENCY=processes, **limited)
    bad = {deed: order_created(customer_id=deed) for deed in SAID}
    neighbours = [order_created() for _ in range(15)]
    publish([*neighbours[:5], *bad.values(), *neighbours[5:]])
    wait_for(lambda: all_processed(neighbours), patience=90)
    wait_for(lambda: queues.depth("orders-dlq").visible == len(bad), patience=90)

    assert puller.pull(["orders-dlq"]).stored == len(bad)
    assert {deed: letter_of(event).error_type for deed, event in bad.items()} == SAID
    log = system.log("worker")
    for deed in SILENT:
        letter = letter_of(bad[deed])
        assert (
            len(re.findall(f"{letter.request_id} .* outcome=no_report", log))
            == DELIVERIES
        )
        assert letter.error_text.startswith("3 attempts ended without a report")
    assert {letter.attempts for letter in DeadLetter.objects.all()} == {DELIVERIES}
    told = Attempt.objects.values_list("error_type", flat=True)
    assert sorted(told) == ["MemoryError"] * 3 + ["SoftTimeLimitExceeded"] * 3
    assert Outcome.objects.count() == len(neighbours)
    first_time = "receive_count=1 ms=[0-9]+ set=[0-9]+ outcome=processed"
    assert len(re.findall(first_time, log)) == len(neighbours)

    late = order_created()
    publish([late])
    wait_for(lambda: all_processed([late]))
    assert worker.poll() is None, "it lives and works"


@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="who hangs there keeps the only lock"
)
def test_nobody_waits_long_behind_one_that_hangs(system: LiveSystem) -> None:
    bad = order_created(customer_id="hangs")
    behind = [order_created() for _ in range(4)]
    publish([bad, *behind])
    # It hangs on: a neighbour that waited for the time limit would not be done in time.
    system.start_worker(**misbehaving(time_limit=3600))
    wait_for(lambda: all_processed(behind))
    assert not Outcome.objects.filter(request_id=bad.id).exists()


def test_an_event_that_takes_the_whole_worker_down_is_a_dead_letter_in_the_end(
    system: LiveSystem,
) -> None:
    short = {**misbehaving(time_limit=50), "VISIBILITY": "2"}
    bad = order_created(customer_id="kills-the-worker")
    publish([bad])
    for number in range(DELIVERIES):  # as a platform does, that starts it again
        worker = system.start_worker(f"worker-{number}", **short)
        assert worker.wait(timeout=30) == -9
    system.start_worker("last", **short)
    neighbour = order_created()
    publish([neighbour])
    wait_for(lambda: all_processed([neighbour]))
    wait_for(lambda: queues.depth("orders-dlq").visible == 1)
    puller.pull(["orders-dlq"])
    letter = letter_of(bad)
    assert letter.error_type == NO_REPORT
    assert letter.error_text.startswith("3 attempts ended without a report")
