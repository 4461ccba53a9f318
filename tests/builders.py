"""Valid things, and things as they look on the wire. Plain functions with overrides."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from dlq_review.models import Arrival, DeadLetter
from dlq_review.pull.arrivals import join
from dlq_review.redrive.sender import redrive_one
from dlq_review.redrive.terms import Redrive, Terms
from processing.events.contracts import (
    OrderCreated,
    OrderReturned,
    OrderUpdated,
    SignupRequested,
)
from processing.events.envelope import Event, new_id
from processing.models import Attempt
from processing.sqs.message import Message


def order_data(**changes: Any) -> dict[str, Any]:
    return {
        "order_id": f"ORD-{uuid4().hex[:8]}",
        "customer_id": "C-17",
        "email": "ada@example.com",
        "currency": "EUR",
        "items": [{"sku": "TEA-1", "quantity": 2, "unit_price": "4.50"}],
        **changes,
    }


def order_created(*, id: str | None = None, **changes: Any) -> Event:
    return Event.new(OrderCreated.model_validate(order_data(**changes)), id=id)


def order_updated(**changes: Any) -> Event:
    data = {
        "order_id": "ORD-1",
        "customer_id": "C-17",
        "status": "paid",
        "changed_at": "2026-11-20T10:00:00+00:00",
        **changes,
    }
    return Event.new(OrderUpdated.model_validate(data))


def order_returned(**changes: Any) -> Event:
    data = {
        "order_id": "ORD-1",
        "customer_id": "C-17",
        "reason": "The lid does not close.",
        "skus": ["TEA-1"],
        **changes,
    }
    return Event.new(OrderReturned.model_validate(data))


def signup_requested(**changes: Any) -> Event:
    data = {"email": "ada@example.com", "name": "Ada", **changes}
    return Event.new(SignupRequested.model_validate(data))


def message(body: str | Event, **changes: Any) -> Message:
    """*body* as a worker receives it, the first time unless said otherwise."""
    fields: dict[str, Any] = {
        "queue": body.queue if isinstance(body, Event) else "orders",
        "id": new_id(),
        "body": body.body if isinstance(body, Event) else body,
        "receipt_handle": uuid4().hex,
        "receive_count": 1,
        "sent_at": datetime.now(UTC),
        "attributes": {},
        **changes,
    }
    return Message(**fields)


def failed_attempt(event: Event, **changes: Any) -> Attempt:
    fields: dict[str, Any] = {
        "request_id": event.id,
        "queue": event.queue,
        "message_id": new_id(),
        "receive_count": 1,
        "permanent": False,
        "error_type": "OperationalError",
        "error_text": "the database is away",
        "started_at": datetime.now(UTC),
        "duration_ms": 3,
        **changes,
    }
    return Attempt.objects.create(**fields)


def dead_message(body: str | Event, **changes: Any) -> Message:
    """*body* as the puller receives it from the orders DLQ, moved there by SQS."""
    return message(body, **{"queue": "orders-dlq", "receive_count": 4, **changes})


def dead_letter(body: str | Event | None = None, **changes: Any) -> DeadLetter:
    """The dead letter that pulling *body* makes."""
    pulled = dead_message(order_created() if body is None else body, **changes)
    join(pulled)
    return Arrival.objects.get(message_id=pulled.id).letter


def failure(**changes: Any) -> dict[str, str]:
    """The attribute that a worker sends along with a message it dead-letters."""
    told = {
        "error_type": "OrderExistsError",
        "error_text": "Another order has the id ORD-1.",
        "failed_at": "2026-11-20T10:00:00+00:00",
        "release": "r1",
        **changes,
    }
    return {"failure": json.dumps(told)}


def redriven(letter: DeadLetter) -> dict[str, str]:
    """The attribute that the last redrive of *letter* was sent with."""
    told = {"dead_letter": letter.pk, "redrive_id": str(letter.redrive_id)}
    return {"redrive": json.dumps(told)}


def redrive_now(
    letter: DeadLetter, *, by: str, reason: str = "", revision: int | None = None
) -> str:
    """Send *letter* as its caller saw it, without the time in which it can be undone."""
    seen = letter.revision if revision is None else revision
    return redrive_one(Redrive(letter, seen), Terms(by, reason))
