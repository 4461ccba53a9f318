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
from dlq_review.redrive import claims
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


@pytest.mark.parametrize(
    "crash_at",
    [
        "after processing.sqs.queues:receive 1",
        "after processing.sqs.queues:receive 2",
        "before dlq_review.pull.new_letters:begin 1",
        "after dlq_review.pull.new_letters:begin 1",
        "after dlq_review.pull.new_letters:begin_new 1",
        "after processing.sqs.queues:_delete_batch 1",
        "after processing.sqs.queues:delete 1",
    ],
)
def test_pull(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]  # two receives, and two deletes
    send_dead(*events)
    point.step("pull", crash_at=crash_at)
    point.drain()
    letters = DeadLetter.objects.all()
    assert {one.request_id for one in letters} == {event.id for event in events}
    assert {one.arrival_count for one in letters} == {1}
    assert books.close().balanced


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.pull.arrivals:_store_arrival 1",
        "after dlq_review.pull.arrivals:join 1",
        "after dlq_review.pull.arrivals:join 2",
    ],
)
def test_pull_of_what_has_a_letter(point: Point, crash_at: str) -> None:
    events = [order_created(), order_created()]
    send_dead(*events)
    point.step("pull")
    send_dead(*events)
    point.step("pull", crash_at=crash_at)
    point.drain()
    assert {one.arrival_count for one in DeadLetter.objects.all()} == {2}
    assert books.close().balanced


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.transitions:_write_trail 1",
        "after dlq_review.redrive.claims:take_all 1",
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.letters.transitions:_write_trail 2",
        "after dlq_review.redrive.sender:send_claimed 1",
    ],
)
def test_redrive(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    point.step("redrive", event.id, crash_at=crash_at)
    letter.refresh_from_db()
    if letter.state == S.OPEN:  # it died before the claim, so somebody asks again
        redrive_now(letter, by="ada")
    point.drain()
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == (S.RESOLVED, 1)
    processed_once(event)


@pytest.mark.parametrize(
    "crash_at",
    [
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.redrive.sender:send_claimed 1",
        "after dlq_review.letters.settlement:reconcile 1",
    ],
)
def test_resend_what_was_claimed(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    claims.claim(letter, by="ada", reason="")
    DeadLetter.objects.update(claimed_at=timezone.now() - timedelta(minutes=1))
    point.step("settle", crash_at=crash_at)
    point.drain()
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == (S.RESOLVED, 1)
    processed_once(event)


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.redrive.undo_window:_begin_to_send 1",
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.redrive.undo_window:send_due 1",
    ],
)
def test_send_what_is_due(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    claims.claim(letter, by="ada", reason="", send_after=timezone.now())
    point.step("settle", crash_at=crash_at)
    point.drain()
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == (S.RESOLVED, 1)
    processed_once(event)


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.transitions:note 1",
        "after dlq_review.letters.revisions:edit 1",
        "after dlq_review.redrive.claims:take_all 1",
    ],
)
def test_edit_and_redrive(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    point.step("edit_and_redrive", event.id, "CUP-2", crash_at=crash_at)
    letter.refresh_from_db()
    if letter.revision == 0:
        assert letter.revisions.count() == 1
        point.step("edit_and_redrive", event.id, "CUP-2")
    elif letter.state == S.OPEN:
        redrive_now(letter, by="ada")
    point.drain()
    processed_once(event)
    assert Order.objects.get().items.get().sku == "CUP-2"


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.transitions:_write_trail 1",
        "after dlq_review.letters.settlement:discard 1",
    ],
)
def test_discard(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    point.step("discard", event.id, crash_at=crash_at)
    letter.refresh_from_db()
    tombstone = Outcome.objects.filter(kind=Outcome.Kind.DISCARDED)
    assert tombstone.exists() == (letter.state == S.DISCARDED)
    if letter.state == S.OPEN:
        point.step("discard", event.id)
    publisher.publish(event)  # a late copy
    point.drain()
    letter.refresh_from_db()
    assert letter.state == S.DISCARDED
    assert not Order.objects.exists()
    assert books.close().balanced


def test_of_two_who_redrive_at_once_one_is_told(point: Point) -> None:
    event = order_created()
    letter = pulled(point, event)
    said = sorted(point.race("redrive_at", event.id))
    # The slower one may begin to look only after the other is done.
    assert said in (
        ["ChangedMeanwhileError", "redriven"],
        ["WrongStateError", "redriven"],
    )
    point.drain()
    letter.refresh_from_db()
    assert letter.redrives == 1
    assert letter.audit.filter(verb=AuditEntry.Verb.SENT).count() == 1
    processed_once(event)


def send_dead(*events: Event) -> None:
    for event in events:
        queues.client().send_message(
            QueueUrl=queues.url("orders-dlq"), MessageBody=event.body
        )


def pulled(point: Point, event: Event) -> DeadLetter:
    send_dead(event)
    point.drain()
    return DeadLetter.objects.get(request_id=event.id)
