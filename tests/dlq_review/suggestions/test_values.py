"""Each rule on a value, with what it proposes, and values that it leaves alone."""

from decimal import Decimal
from typing import Any, Literal

import pytest

from dlq_review.bodies.contract_fields import Kind, fields_of
from dlq_review.suggestions.values import RULES, Wrong, repaired
from processing.events.contracts import Item, OrderCreated, OrderUpdated, Profile

CURRENCY = fields_of(OrderCreated)["currency"]
STATUS = fields_of(OrderUpdated)["status"]
WHEN = fields_of(OrderUpdated)["changed_at"]
SKU = fields_of(Item)["sku"]
PRICE = fields_of(Item)["unit_price"]
QUANTITY = fields_of(Item)["quantity"]
COUNTRY = fields_of(Profile)["country"]


@pytest.mark.parametrize(
    ("rule", "kind", "value", "proposed"),
    [
        ("trim", SKU, "  TEA-1\t", "TEA-1"),
        ("trim", SKU, "\ufeffTEA-1\u200b", "TEA-1"),
        ("trim", SKU, "\ufeff TEA-1 \u200b", "TEA-1"),
        ("trim", CURRENCY, "EUR ", "EUR"),
        ("number_as_text", PRICE, Decimal("12.5"), "12.50"),
        ("number_as_text", SKU, Decimal("4711"), "4711"),
        ("number_as_text", SKU, Decimal("1E+3"), "1000"),
        ("text_as_number", QUANTITY, "2", 2),
        ("text_as_number", QUANTITY, " 12.0 ", 12),
        ("text_as_number", QUANTITY, Decimal("3.0"), 3),
        ("plain_letters", PRICE, "\uff11\uff12.50", "12.50"),
        ("other_case", CURRENCY, "eur", "EUR"),
        ("other_case", STATUS, "PAID", "paid"),
        ("other_case", COUNTRY, "gb", "GB"),
        ("near_choice", CURRENCY, "euros", "EUR"),
        ("near_choice", CURRENCY, "Pounds", "GBP"),
        ("near_choice", STATUS, "canceled", "cancelled"),
        ("decimal_comma", PRICE, "12,50", "12.50"),
        ("decimal_comma", PRICE, "12,5", "12.5"),
        ("amount_alone", PRICE, "€ 12,50", "12.50"),
        ("amount_alone", PRICE, "12.50 EUR", "12.50"),
        ("near_choice", CURRENCY, "£", "GBP"),
        ("near_choice", CURRENCY, "sterling", "GBP"),
        ("near_choice", CURRENCY, "US Dollars", "USD"),
        ("near_choice", CURRENCY, "złoty", "PLN"),
        ("near_choice", CURRENCY, "Swiss franc", "CHF"),
        ("date_form", WHEN, Decimal("1764579600"), "2025-12-01T09:00:00Z"),
        ("date_form", WHEN, " 1764579600 ", "2025-12-01T09:00:00Z"),
        ("date_form", WHEN, "20.11.2025 10:00", "2025-11-20T10:00:00Z"),
    ],
)
def test_a_rule_proposes_what_was_meant(
    rule: str, kind: Kind, value: Any, proposed: Any
) -> None:
    found = repaired(Wrong(value, kind))
    assert found is not None
    assert (found[0].name, found[1]) == (rule, proposed)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (CURRENCY, "dollars"),  # of which country?
        (CURRENCY, "XXX"),
        (Kind(Literal["shipped", "shipper"]), "shippex"),
        (CURRENCY, ""),
        (STATUS, "pending"),
        (PRICE, "1,250"),  # a thousand, or one and a quarter
        (PRICE, "twelve"),
        (PRICE, Decimal("12.505")),
        (PRICE, Decimal("1e400")),
        (QUANTITY, "two"),
        (QUANTITY, Decimal("2.5")),
        (QUANTITY, "2.5"),
        (QUANTITY, "0"),
        (SKU, "MUG 1"),
        (SKU, "12,50"),  # no amount
        (SKU, "12.50 EUR"),
        (SKU, None),
        (WHEN, "03/04/2026"),  # March or April
        (WHEN, "yesterday"),
    ],
)
def test_nothing_is_proposed_where_more_than_one_thing_may_be_meant(
    kind: Kind, value: Any
) -> None:
    assert repaired(Wrong(value, kind)) is None


@pytest.mark.parametrize("written", ["1e-999999999", "1e999999999", "-1e-999999"])
@pytest.mark.parametrize("kind", [SKU, PRICE, QUANTITY, CURRENCY, WHEN])
def test_a_number_that_would_be_written_with_a_billion_digits_costs_nothing(
    kind: Kind, written: str
) -> None:
    assert Wrong(Decimal(written), kind).number is None
    assert repaired(Wrong(Decimal(written), kind)) is None


def test_each_rule_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len({one.name for one in RULES}) == len(RULES)
    assert all(one.says for one in RULES)
