"""What a contract takes at each path, for forms, suggestions and the fields of failures."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dlq_review.bodies.contract_fields import Kind, declares, fields_of
from processing.events.contracts import CONTRACTS, OrderCreated


@pytest.mark.parametrize(
    ("type", "path", "declared"),
    [
        ("order_created", "data.order_id", True),
        ("order_created", "data.items.0.sku", True),
        ("order_created", "data.items.*.sku", True),
        ("order_created", "data.items.x.sku", False),
        ("order_created", "data.items.0.none", False),
        ("order_created", "data.order_id.none", False),
        ("order_created", "data.none", False),
        ("order_created", "body.order_id", False),
        ("order_created", "order_id", False),
        ("order_created", "data", False),
        ("order_returned", "data.skus.3", True),
        ("unheard", "data.order_id", False),
        ("email_requested", "data.context.first_name", True),
        ("email_requested", "data.context.Zoe Quill", False),
        ("email_requested", "data.none.first_name", False),
    ],
)
def test_a_path_is_declared_if_its_contract_has_such_a_field(
    type: str, path: str, declared: bool
) -> None:
    assert declares(type, path) is declared


AT = Kind(OrderCreated).at


@pytest.mark.parametrize(
    ("names", "value", "taken"),
    [
        (("items", "*", "quantity"), 2, True),
        (("items", "*", "quantity"), "2", False),
        (("items", "0", "quantity"), 0, False),
        (("items", "0", "quantity"), 10_000, True),
        (("items", "0", "quantity"), 10_001, False),
        (("order_id",), "ORD-1", True),
        (("order_id",), 7, False),
        (("currency",), "EUR", True),
        (("currency",), "eur", False),
        (("items", "0", "unit_price"), "1.50", True),
    ],
)
def test_a_value_is_taken_as_a_message_has_it(
    names: tuple[str, ...], value: Any, taken: bool
) -> None:
    kind = AT(names)
    assert kind is not None
    assert kind.takes(value) is taken


@pytest.mark.parametrize(
    ("seconds", "taken"), [(-99_999, True), (330, True), (390, False)]
)
def test_a_time_is_taken_that_a_worker_takes(seconds: int, taken: bool) -> None:
    """Whose clock may differ from that of the front door."""
    kind = fields_of(CONTRACTS["order_updated"])["changed_at"]
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    assert kind.takes(at.isoformat()) is taken


#: By type and path: whether one must give it, everybody sees it, it is computed.
FIELDS = {
    ("order_created", "order_id"): (True, True, False),
    ("order_created", "email"): (True, False, False),
    ("order_created", "total"): (False, True, True),
    ("order_returned", "skus"): (True, True, False),
    ("order_returned", "skus.*"): (False, True, False),
    ("signup_requested", "profile"): (False, False, False),
    ("signup_requested", "profile.country"): (False, True, False),
    ("email_requested", "context"): (False, False, False),
}


@pytest.mark.parametrize(("type", "path"), FIELDS)
def test_of_a_field_it_is_known_who_gives_and_sees_it(type: str, path: str) -> None:
    kind = Kind(CONTRACTS[type]).at(tuple(path.split(".")))
    assert kind is not None
    found = (kind.required, kind.public, kind.computed)
    assert found == FIELDS[type, path]


def test_each_kind_of_field_is_told_from_the_others() -> None:
    told: dict[str, list[tuple[str, ...]]] = {
        "is_whole": [("items", "*", "quantity")],
        "is_amount": [("items", "*", "unit_price"), ("total",)],
    }
    paths = [
        ("order_id",),
        ("items",),
        *(path for some in told.values() for path in some),
    ]
    for name, expected in told.items():
        assert [path for path in paths if getattr(AT(path), name)] == expected
    price = AT(("total",))
    assert price is not None
    assert price.bare is Decimal
