"""When an event was sent and why it failed last, whoever sent the message on since."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from dlq_review.letters import current_event, rehearsal, revisions
from dlq_review.letters.timeline import attempts_of, timeline
from dlq_review.models import DeadLetter
from dlq_review.pull.arrivals import join
from processing.delivery import processor
from processing.models import Attempt, Order
from processing.sqs import publisher, queues
from processing.sqs.message import message_from
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    message,
    order_created,
    order_data,
    redrive_now,
)

pytestmark = pytest.mark.django_db
SENT = datetime(2026, 11, 20, 10, tzinfo=UTC)


def without_timestamp(**changes: Any) -> str:
    data = order_data(order_id="ORD-1", **changes)
    return json.dumps({"id": "r-1", "type": "order_created", "data": data})


def dead_lettered(body: str, **changes: Any) -> DeadLetter:
    """The letter of what a worker sent to the DLQ, long after a producer sent *body*."""
    processor.handle(message(body, sent_at=SENT, **changes))
    (arrived,) = queues.receive("orders-dlq")
    assert arrived.sent_at > SENT
    return dead_letter(
        arrived.body, sent_at=arrived.sent_at, attributes=arrived.attributes
    )


def test_a_letter_was_sent_when_its_producer_sent_it(sqs: None) -> None:
    letter = dead_lettered(without_timestamp(currency="euros"))
    assert letter.sent_at == SENT
    assert letter.arrivals.get().sent_at == SENT


def test_in_the_timeline_the_sending_stands_before_the_attempt(sqs: None) -> None:
    letter = dead_lettered(without_timestamp(currency="euros"))
    attempts = attempts_of(letter, letter.arrivals.all())
    kinds = [one.kind for one in timeline(letter, attempts)]
    assert kinds.index("attempt") < kinds.index("sent")  # the newest first
    assert kinds[-1] == "sent"


def test_a_repaired_event_without_a_timestamp_takes_effect_as_of_its_first_sending(
    sqs: None,
) -> None:
    letter = dead_lettered(without_timestamp(currency="euros"))
    repaired = without_timestamp()
    revisions.edit(letter, repaired, based_on=0, by="ada", reason="x")
    assert current_event.event_in(letter, repaired).timestamp == SENT
    assert not rehearsal.rehearse(letter).error
    redrive_now(letter, by="ada")
    (delivery,) = queues.receive("orders")
    assert json.loads(delivery.body)["timestamp"] == "2026-11-20T10:00:00Z"
    processor.handle(delivery)
    assert Order.objects.get().status_changed_at == SENT


def test_the_first_sending_survives_a_move_back_by_other_means(sqs: None) -> None:
    processor.handle(message(without_timestamp(currency="euros"), sent_at=SENT))
    (arrived,) = queues.receive("orders-dlq")
    # As the AWS console sends it back: the attributes stay, all else is new.
    moved = message(arrived.body, attributes=arrived.attributes)
    assert moved.first_sent_at == SENT
    publisher.dead_letter(moved, {"error_type": "E", "failed_at": "2026-11-26T10:00Z"})
    again = queues.receive("orders-dlq")[-1]
    assert again.first_sent_at == SENT
    repaired = message(without_timestamp(), attributes=arrived.attributes)
    processor.handle(repaired)
    assert Order.objects.get().status_changed_at == SENT


@pytest.mark.parametrize(
    "told",
    [
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "2090-01-01T00:00:00Z",
        "2026-11-20T10:00:00",
        "soon",
        7,
        None,
    ],
)
def test_a_time_that_cannot_be_is_not_believed_of_a_failure(told: Any) -> None:
    before = timezone.now()
    letter = dead_letter(attributes=failure(sent_at=told, failed_at=f"{told}"))
    letter.refresh_from_db()
    for moment in (letter.sent_at, letter.first_failed_at, letter.last_failed_at):
        assert before <= moment <= timezone.now()


def test_an_attempt_after_what_a_worker_said_is_the_reason() -> None:
    event = order_created()
    failed_attempt(event, error_type="TimeoutError", error_text="closed")
    letter = dead_letter(event, attributes=failure(), receive_count=4)
    assert (letter.error_type, letter.error_text) == ("TimeoutError", "closed")
    assert letter.attempts == 3


def test_an_attempt_before_what_a_worker_said_is_not() -> None:
    event = order_created()
    now = timezone.now()
    failed_attempt(
        event,
        started_at=now - timedelta(seconds=2),
        error_type="TimeoutError",
        receive_count=3,
    )
    letter = dead_letter(event, attributes=failure(failed_at=now.isoformat()))
    assert letter.error_type == "OrderExistsError"
    assert letter.attempts == 3


def test_what_sqs_moved_failed_otherwise_than_a_worker_once_said() -> None:
    letter = dead_letter(attributes=failure(), receive_count=4, moved_by_sqs=True)
    assert letter.error_type == "NoReport"
    assert letter.attempts == 3


#: What stands in the attribute of a message that a worker sent to the DLQ.
OLDER = failure(sent_at=SENT.isoformat(), failed_at=SENT.isoformat())


@pytest.mark.parametrize(
    "came",
    [
        {"moved_by_sqs": True},
        {"attributes": OLDER},  # dead-lettered by a worker
        {"attributes": OLDER, "moved_by_sqs": True},  # moved back, then it failed again
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_a_letter_expires_when_sqs_would_have_dropped_its_message(
    came: dict[str, Any], again: bool
) -> None:
    event, now = order_created(), timezone.now()
    arrived = now - timedelta(days=3)
    failed_attempt(event, started_at=now)
    if again:
        dead_letter(event, sent_at=arrived - timedelta(days=5))
    letter = dead_letter(event, sent_at=arrived, **came)
    assert letter.last_failed_at == now
    assert letter.expires_at == arrived + timedelta(days=14)


def test_sqs_says_what_it_moved(sqs: None) -> None:
    moved = {
        "MessageId": "m-1",
        "ReceiptHandle": "h",
        "Attributes": {"DeadLetterQueueSourceArn": "arn:aws:sqs:x:1:orders"},
    }
    assert message_from("orders-dlq", moved).moved_by_sqs
    publisher.dead_letter(message("x"), {"error_type": "E"})
    (sent_by_us,) = queues.receive("orders-dlq")
    assert not sent_by_us.moved_by_sqs


def test_an_attempt_is_known_by_its_message_id_alone() -> None:
    event = order_created()
    failed_attempt(event, message_id="m-1", error_type="ByMessage")
    body = "no event at all"
    assert dead_letter(body, id="m-1").error_type == "ByMessage"
    assert dead_letter(body, id="m-2").error_type == "NoReport"


def test_an_attempt_is_known_by_the_message_id_that_a_worker_had() -> None:
    failed_attempt(
        order_created(),
        message_id="m-1",
        place="processing/handlers/orders.py:create_order",
        started_at=timezone.now() - timedelta(days=2),
    )
    now = timezone.now().isoformat()
    told = failure(message_id="m-1", failed_at=now)
    assert dead_letter("x", id="m-9", attributes=told).place.endswith("create_order")


def test_the_field_that_a_worker_blames_comes_with_the_letter(sqs: None) -> None:
    for total in ("18.00", "9.00"):
        items = [{"sku": "A", "quantity": 2, "unit_price": f"{float(total) / 2:.2f}"}]
        event = order_created(order_id="ORD-1", items=items)
        processor.handle(message(event))
    (arrived,) = queues.receive("orders-dlq")
    assert join(arrived)
    letter = DeadLetter.objects.get()
    assert (letter.error_type, letter.error_field) == (
        "OrderExistsError",
        "data.order_id",
    )
    assert Attempt.objects.get().error_field == "data.order_id"


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ("data.customer_id", "data.customer_id"),
        ("data.ada@example.com", ""),
        ("nonsense", ""),
        (None, ""),
        (["data.order_id"], ""),
    ],
)
def test_a_field_that_the_contract_has_not_is_not_stored(
    told: object, field: str
) -> None:
    letter = dead_letter(attributes=failure(error_field=told))
    assert letter.error_field == field


def test_the_field_of_a_transient_failure_comes_from_its_attempt() -> None:
    event = order_created()
    failed_attempt(event, error_field="data.order_id")
    assert dead_letter(event).error_field == "data.order_id"
