"""Kill a real process between two steps of accepting or processing.

Then start again, and check the books. Each point names the function call that the kill
comes just before or just after.
"""

import json
from collections import Counter

import pytest
from django.core import mail

from dlq_review.models import DeadLetter
from dlq_review.monitoring import books
from processing.delivery import processor
from processing.models import Order, Outcome, SpooledEvent, User
from processing.sqs import publisher
from tests.builders import (
    order_created,
    order_data,
    order_updated,
    signup_requested,
)
from tests.crash_points.letters import processed_once
from tests.crash_points.system import Point, mails_in

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]

KEY = "crash-point-key-0123456789"


ACCEPT = [
    "before processing.sqs.publisher:publish 1",
    "after processing.sqs.publisher:publish 1",
]
ACCEPT_WITHOUT_SQS = [
    "before processing.delivery.spool:add 1",
    "after processing.delivery.spool:add 1",
]


@pytest.mark.parametrize(
    ("crash_at", "endpoint"),
    [(point, "") for point in ACCEPT]
    + [(point, "http://127.0.0.1:9") for point in ACCEPT_WITHOUT_SQS],
)
def test_accept(point: Point, crash_at: str, endpoint: str) -> None:
    asked = json.dumps(order_data())
    away = {"SQS_ENDPOINT_URL": endpoint} if endpoint else {}
    receipt = point.step("accept", asked, KEY, crash_at=crash_at, **away)
    assert receipt == ""
    status, request_id = point.step("accept", asked, KEY).split()
    assert status == "202"
    point.drain()
    assert Order.objects.get().request_id == request_id
    assert Outcome.objects.get().request_id == request_id
    assert not SpooledEvent.objects.exists()


@pytest.mark.parametrize(
    "crash_at",
    [
        "before processing.sqs.publisher:publish_many 1",
        "after processing.sqs.publisher:publish_many 1",
        "after processing.delivery.spool:_send 1",
    ],
)
def test_relay(point: Point, crash_at: str) -> None:
    event = order_created()
    point.step("relay", event.body, crash_at=crash_at)
    point.drain()
    processed_once(event)
    assert not SpooledEvent.objects.exists()


@pytest.mark.long  # the steps of a set hold these
@pytest.mark.parametrize(
    "crash_at",
    [
        "before processing.delivery.processor:process 1",
        "after processing.handlers.orders:create_order 1",
        "after processing.delivery.spool:record 1",
        "after processing.delivery.processor:handle 1",
        "before processing.worker.delete_batches:Deletes._send 1",
        "after processing.worker.delete_batches:Deletes._answered 1",
    ],
)
def test_process(point: Point, crash_at: str) -> None:
    event = order_created()
    publisher.publish(event)
    point.crashing_worker(crash_at)
    point.drain()
    processed_once(event)
    assert Order.objects.get().items.count() == 1


SET = [
    "before processing.delivery.sets:process 1",
    "before processing.delivery.sets:_take_effect 1",
    "after processing.models.requests:Outcome.claim_many 1",
    "after processing.handlers.registry:apply_set 1",
    "after processing.delivery.spool:record_many 1",
    "after processing.delivery.sets:_take_effect 1",
    "after processing.delivery.sets:_try 1",
    "after processing.worker.bundles:Bundle._process_sets 1",
    "after processing.worker.bundles:Bundle.work_through 1",
    "before processing.worker.delete_batches:Deletes._send 1",
    "after processing.worker.delete_batches:Deletes._answered 1",
]


@pytest.mark.parametrize("crash_at", SET)
def test_process_in_a_set(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(10)]
    publisher.publish_many(events)
    point.crashing_worker(crash_at, WORKER_CONCURRENCY="1")
    point.drain()
    processed_once(*events)
    assert {order.items.count() for order in Order.objects.all()} == {1}


@pytest.mark.parametrize(
    "crash_at",
    [
        "after processing.delivery.spool:record_many 1",
        "before processing.delivery.spool:send_follow_ups 1",
        "before processing.sqs.publisher:publish_many 1",
        "after processing.sqs.publisher:publish_many 1",
        "after processing.delivery.spool:_send 1",
    ],
)
def test_process_a_set_with_follow_ups(point: Point, crash_at: str) -> None:
    events = [signup_requested(email=f"c{number}@example.com") for number in range(4)]
    publisher.publish_many(events)
    point.crashing_worker(crash_at, WORKER_CONCURRENCY="1")
    point.drain()
    assert User.objects.count() == len(events)
    types = Counter(Outcome.objects.values_list("type", flat=True))
    assert types == {"signup_requested": 4, "email_requested": 4}
    sent = mails_in(point.server.folder / point.prefix)
    here = [f"Message-ID: {one.extra_headers['Message-ID']}" for one in mail.outbox]
    assert len(set(sent + here)) == len(events)
    assert not SpooledEvent.objects.exists()
    assert books.close().balanced


@pytest.mark.long  # the steps of a set hold these
@pytest.mark.parametrize(
    "crash_at",
    [
        "before processing.sqs.publisher:publish_many 1",
        "after processing.sqs.publisher:publish_many 1",
        "after processing.delivery.spool:_send 1",
        "before processing.handlers.emails:send_email 1",
        "after processing.handlers.emails:send_email 1",
    ],
)
def test_process_with_a_follow_up(point: Point, crash_at: str) -> None:
    publisher.publish(signup_requested(email="grace@example.com"))
    point.crashing_worker(crash_at)
    point.drain()
    assert User.objects.filter(email="grace@example.com").count() == 1
    kinds = Outcome.objects.values_list("type", "kind")
    assert sorted(kinds) == [
        ("email_requested", "processed"),
        ("signup_requested", "processed"),
    ]
    sent = mails_in(point.server.folder / point.prefix)
    here = [f"Message-ID: {one.extra_headers['Message-ID']}" for one in mail.outbox]
    assert len(set(sent + here)) == 1
    assert not SpooledEvent.objects.exists()
    assert books.close().balanced


@pytest.mark.parametrize(
    "crash_at",
    [
        "after processing.delivery.attempts:record 1",
        "after processing.sqs.publisher:dead_letter 1",
    ],
)
def test_permanent_failure(point: Point, crash_at: str) -> None:
    publisher.send_raw("orders", "no event")
    point.crashing_worker(crash_at)
    point.drain()
    letter = DeadLetter.objects.get()
    assert letter.state == DeadLetter.State.QUARANTINED
    assert {one.body for one in letter.arrivals.all()} == {"no event"}
    assert books.close().balanced


@pytest.mark.parametrize(
    "crash_at",
    [
        "after processing.delivery.attempts:record 1",
        "before processing.sqs.queues:hide 1",
        "after processing.sqs.queues:hide 1",
    ],
)
def test_transient_failure(point: Point, crash_at: str) -> None:
    order = order_created(order_id="ORD-1")
    update = order_updated(order_id="ORD-1", changed_at="2025-01-01T00:00:00+00:00")
    publisher.publish(update)
    point.crashing_worker(crash_at)
    processor.process(order)
    point.drain()
    assert Order.objects.get().status == "paid"
    assert Outcome.objects.count() == 2
    assert books.close().balanced
