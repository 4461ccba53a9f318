"""What workers and receipts are told of a dead letter."""

import pytest

from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.redrive import witness
from processing.events.envelope import Event
from processing.handlers.desk import Review
from tests.builders import dead_letter, order_created, order_updated, signup_requested

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "waits"),
    [(state, state not in ("resolved", "discarded")) for state in DeadLetter.State],
)
def test_a_letter_waits_until_it_is_settled(state: str, waits: bool) -> None:
    dead_letter(order_created(order_id="ORD-1"))
    DeadLetter.objects.update(state=state)
    assert witness.has_waiting("order_created", "ORD-1") is waits
    assert not witness.has_waiting("order_created", "ORD-2")
    assert not witness.has_waiting("order_updated", "ORD-1")


def review(event: Event, piece: str = "") -> Review:
    return witness.review(event.id, piece or event.fingerprint[:16])


def test_a_receipt_is_told_of_the_letter_of_its_own_body_alone() -> None:
    event = order_created(order_id="ORD-1")
    dead_letter(event)
    assert review(event) == Review(taken=False, order="ORD-1", has_address=True)
    assert review(order_created(id=event.id)) == Review()
    assert witness.review(event.id, "") == Review()


@pytest.mark.parametrize("state", FailureGroup.State)
def test_somebody_has_taken_a_letter_whose_group_is_acknowledged(state: str) -> None:
    event = order_created()
    dead_letter(event)
    FailureGroup.objects.update(state=state)
    assert review(event).taken is (state == "acknowledged")


@pytest.mark.parametrize(
    ("event", "order", "has_address"),
    [
        (signup_requested(), "", True),
        (order_updated(order_id="ORD-7"), "ORD-7", False),
        (order_created(order_id="ORD-8"), "ORD-8", True),
    ],
)
def test_an_order_is_named_and_a_mail_is_offered_where_there_is_one(
    event: Event, order: str, has_address: bool
) -> None:
    dead_letter(event)
    found = review(event)
    assert (found.order, found.has_address) == (order, has_address)
