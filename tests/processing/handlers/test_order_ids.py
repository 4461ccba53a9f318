"""Order ids that are a way to another order: refused now, and readable where stored before."""

import json

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dlq_review.models import DeadLetter
from processing.delivery import processor
from processing.models import Attempt, Order, Outcome
from processing.receipts import Receipt
from processing.sqs import queues
from tests.builders import dead_letter, message, order_created, order_updated

pytestmark = pytest.mark.django_db
FORMER = ["A/../B", "A/..", "A/./B", "A//B", "A/"]


def with_id(body: str, order_id: str) -> str:
    event = json.loads(body)
    event["data"]["order_id"] = order_id
    return json.dumps(event)


@pytest.mark.parametrize("order_id", FORMER)
@pytest.mark.parametrize("event", [order_created(), order_updated()])
def test_the_worker_refuses_them_for_good(
    sqs: None, event: object, order_id: str
) -> None:
    body = with_id(event.body, order_id)  # type: ignore[attr-defined]
    processor.handle(message(body))
    attempt = Attempt.objects.get()
    assert attempt.permanent
    assert "order_id" in attempt.error_text
    assert not Order.objects.exists()
    (dead,) = queues.receive("orders-dlq")
    assert dead.body == body


@pytest.mark.parametrize("order_id", FORMER)
def test_orders_and_dead_letters_of_former_releases_are_shown(
    admin_client: Client, order_id: str
) -> None:
    event = order_created()
    Order.objects.create(
        order_id=order_id,
        customer_id="C-17",
        email="ada@example.com",
        currency="EUR",
        total="9.00",
        status_changed_at=timezone.now(),
        request_id=event.id,
    )
    letter: DeadLetter = dead_letter(with_id(order_updated().body, order_id))
    found = admin_client.get(
        reverse("admin:processing_order_changelist"), {"q": order_id}
    )
    page = reverse("admin:processing_order_change", args=[quote(order_id)])
    assert page in found.content.decode()
    assert order_id in admin_client.get(page).content.decode()
    desk = reverse("admin:dlq_review_deadletter_change", args=[letter.pk])
    assert order_id in admin_client.get(desk).content.decode()


def test_the_status_of_such_an_order_is_told(client: Client) -> None:
    event = order_created()
    Outcome.objects.create(
        request_id=event.id,
        kind="processed",
        type=event.type,
        fingerprint=event.fingerprint,
        made={"order": "A/../B"},
    )
    answer = client.get(f"/api/requests/{Receipt.of(event).token}")
    assert answer.json()["made"] == {"order": "A/../B"}
