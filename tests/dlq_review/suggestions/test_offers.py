"""Where each offer stands, what it replaces, and what is not offered beside it."""

import json
from typing import Any

import pytest

from dlq_review.suggestions import suggest
from processing.events.contracts import CONTRACTS
from tests.builders import order_data
from tests.dlq_review.suggestions.test_suggest import offered, order, problems, without

LINE = {"sku": "A", "quantity": 2, "unit_price": "1.50"}
SPELLED = {"SKU": "A", "quantity": 2, "unit_price": "1.50"}


def beside(data: Any = None, **members: Any) -> str:
    """An order with *members* beside its data."""
    inside = order_data(order_id="ORD-1") if data is None else data
    return json.dumps({"type": "order_created", **members, "data": inside})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            order(items=[LINE, SPELLED]),
            ["field_name /data/items/1/SKU: SKU -> /data/items/1/sku"],
        ),
        (
            order(items=[SPELLED, SPELLED], total="6.00"),
            [
                "field_name /data/items/0/SKU: SKU -> /data/items/0/sku",
                "field_name /data/items/1/SKU: SKU -> /data/items/1/sku",
            ],
        ),
        (
            order(items=[{**LINE, "SKU": "B"}], total="3.00"),
            ["no_such_field /data/items/0/SKU: SKU -> "],
        ),
        (
            order(zeta=1, alpha=2),
            [
                "no_such_field /data/zeta: zeta -> ",
                "no_such_field /data/alpha: alpha -> ",
            ],
        ),
        (
            without("customer_id", customerid=None, Customer_ID="x"),
            [
                "field_name /data/customerid: customerid -> /data/customer_id",
                "no_such_field /data/Customer_ID: Customer_ID -> ",
            ],
        ),
        (beside(order_id="ORD-2"), ["no_such_field /order_id: order_id -> "]),
        (
            beside({}, order_id="ORD-1", orderid="ORD-2"),
            [
                "moved_field /order_id: order_id -> /data/order_id",
                "no_such_field /orderid: orderid -> ",
            ],
        ),
        (
            beside(corelation_id="c-1"),
            ["field_name /corelation_id: corelation_id -> /correlation_id"],
        ),
        (  # what is removed comes last
            without("customer_id", zz=1, custmer_id=None),
            [
                "field_name /data/custmer_id: custmer_id -> /data/customer_id",
                "no_such_field /data/zz: zz -> ",
            ],
        ),
        (beside(typ="x"), ["no_such_field /typ: typ -> "]),
        (
            order(currency="euros", total="9.00"),
            ['near_choice /data/currency: "euros" -> "EUR"'],
        ),
        (
            order(total="9,00"),
            [
                'decimal_comma /data/total: "9,00" -> "9.00"',
                'computed /data/total: "9,00" -> "9.00"',
            ],
        ),
        (
            beside(order_data(total="9.00"), correlation_id=12),
            ['number_as_text /correlation_id: 12 -> "12"'],
        ),
        (order(total="8"), ['computed /data/total: "8" -> "9.00"']),
        (
            order(total=8),
            [
                'number_as_text /data/total: 8 -> "8.00"',
                'computed /data/total: 8 -> "9.00"',
            ],
        ),
    ],
)
def test_an_offer_names_its_place_and_both_values(
    body: str, expected: list[str]
) -> None:
    found = offered(body)
    assert [f"{one.key}: {one.before} -> {one.after}" for one in found] == expected


@pytest.mark.parametrize("data", [[], "x", None])
def test_where_the_data_is_no_object_a_moved_field_makes_one(data: Any) -> None:
    body = json.dumps({"type": "order_created", "order_id": "ORD-1", "data": data})
    (found,) = offered(body)
    assert found.rule == "moved_field"
    assert json.loads(suggest.applied([found], body))["data"] == {"order_id": "ORD-1"}


def test_a_move_from_a_name_that_no_pointer_can_hold_is_not_offered() -> None:
    body = without("customer_id", **{"custmer_id\0": None})
    assert problems(body)
    assert offered(body) == []


def test_a_member_of_an_object_in_the_data_is_renamed_in_its_place() -> None:
    data = {**CONTRACTS["signup_requested"].example, "profile": {"contry": "GB"}}
    body = json.dumps({"type": "signup_requested", "data": data})
    (found,) = offered(body)
    assert (found.key, found.after) == (
        "field_name /data/profile/contry",
        "/data/profile/country",
    )
    changed = json.loads(suggest.applied([found], body))["data"]["profile"]
    assert changed == {"country": "GB"}


def test_all_that_was_chosen_is_applied_in_order() -> None:
    body = order(zz=1, currency="euros")
    found = offered(body)
    assert len(found) == 2
    after = json.loads(suggest.applied(found, body))["data"]
    assert ("zz" in after, after["currency"]) == (False, "EUR")
    assert json.loads(suggest.applied(found[:1], body))["data"]["currency"] == "euros"
    assert suggest.applied([], body) == body
    cut = order()[:-2]
    assert problems(suggest.applied(offered(cut), cut)) == ()


def test_of_a_long_repair_the_beginning_is_shown_and_all_of_it_made() -> None:
    name = "x" * 100
    data = {**CONTRACTS["signup_requested"].example, "name": f"{name}\n"}
    (found,) = offered(json.dumps({"type": "signup_requested", "data": data}))
    assert found.after == f'"{name}'[:80]
    assert found.patch[0]["json"] == f'"{name}"'


def test_no_more_is_offered_than_a_page_shows() -> None:
    body = order(currency="euros", **{f"zz{n}": n for n in range(suggest.MOST)})
    found = offered(body)
    assert len(found) == suggest.MOST
    assert {one.rule for one in found} == {"no_such_field"}
