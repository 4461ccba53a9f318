"""A return is of items that are in the order, and is stored once."""

from typing import Any

import pytest

from processing.delivery import processor
from processing.events.contracts import OrderReturned
from processing.events.envelope import Event
from processing.handlers.orders import OrderOfAnotherError, UnknownOrderError
from processing.handlers.returns import NotInOrderError, return_order
from processing.models import OrderReturn, Outcome
from tests.builders import message, order_created

pytestmark = pytest.mark.django_db
ITEMS = [
    {"sku": sku, "quantity": 2, "unit_price": "4.50"} for sku in ("TEA-1", "CUP-2")
]


def returned(**changes: Any) -> Event:
    return Event.new(OrderReturned.model_validate(OrderReturned.example | changes))


@pytest.fixture(autouse=True)
def _order() -> None:
    processor.handle(message(order_created(order_id="ORD-1", items=ITEMS)))


def test_a_return_is_stored_with_its_reason_and_items_once() -> None:
    event = returned(skus=["CUP-2", "TEA-1", "TEA-1"])
    processor.handle(message(event))
    processor.handle(message(event))
    found = OrderReturn.objects.get()
    assert (found.order_id, found.reason) == ("ORD-1", "The lid does not close.")
    assert found.skus == ["CUP-2", "TEA-1", "TEA-1"]
    assert Outcome.objects.get(pk=event.id).made == {"return": "ORD-1"}


def test_two_returns_of_one_order_are_two() -> None:
    for sku in ("TEA-1", "CUP-2"):
        processor.handle(message(returned(skus=[sku])))
    assert OrderReturn.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "error", "named"),
    [
        ({"skus": ["TEA-1", "POT-9"]}, NotInOrderError, "does not hold POT-9."),
        ({"customer_id": "C-18"}, OrderOfAnotherError, "another customer number"),
        ({"order_id": "ORD-2"}, UnknownOrderError, "no order ORD-2"),
    ],
)
def test_what_cannot_be_returned_is_refused(
    changes: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        return_order(returned(**changes))
    assert not OrderReturn.objects.exists()


def test_no_more_than_ten_strange_items_are_named() -> None:
    strange = [f"POT-{number}" for number in range(10, 22)]
    with pytest.raises(NotInOrderError) as refused:
        return_order(returned(skus=["TEA-1", *strange]))
    assert str(refused.value).endswith(f"does not hold {', '.join(strange[:10])}.")
    assert refused.value.field == "data.skus.1"
