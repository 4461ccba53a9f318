"""A condition is shown as it was written, except what is personal in it."""

import pytest

from dlq_review.bodies.field_conditions import Condition
from dlq_review.search.veil import veiled_condition

#: What is written, and what is shown.
SHOWN = {
    # Names: a plain one stands bare, another in quotes, and a masked one tells nothing.
    "data.order_id": "data.order_id",
    "data.line2": "data.line2",
    "data.orderId": "data.orderId",
    "data.line_2b": "data.line_2b",
    "$.data.sku": "data.sku",
    '["data"].sku': "data.sku",
    'data["total-net"]': 'data["total-net"]',
    'data["a.b"]': 'data["a.b"]',
    'data["Grace Hopper"]': 'data["•••"]',
    'data["Größe"]': 'data["•••"]',  # letters all, but no name of a program
    'data["4711"]': 'data["•••"]',
    f"data.{'a' * 41}": 'data["•••"]',
    '["Grace Hopper"].sku': '["•••"].sku',
    # Places in a list, and any of them.
    "data.items[0].sku": "data.items[0].sku",
    "data.items[12]": "data.items[12]",
    "data.items[*].sku": "data.items[*].sku",
    "data[*][*]": "data[*][*]",
    "[3].sku": "[3].sku",
    # What is missing, what is another, and what is around the body.
    "!data.sku": "!data.sku",
    "! data.sku": "!data.sku",
    "!@release": "!@release",
    "@release": "@release",
    "data.currency!=EUR": "data.currency!=EUR",
    "@release != r1": "@release!=r1",
    # Operators.
    "data.currency==EUR": "data.currency=EUR",
    "data.currency~eu": "data.currency~eu",
    "data.items[*].quantity < 3": "data.items[*].quantity<3",
    "data.items[*].quantity<=3": "data.items[*].quantity<=3",
    "data.items[*].quantity > 3": "data.items[*].quantity>3",
    "data.items[*].quantity>=3": "data.items[*].quantity>=3",
    # Values: a plain one of a public field alone; an address is shortened everywhere.
    "data.currency=Grace Hopper": "data.currency=•••",
    "data.currency=grace@example.com": "data.currency=g…@example.com",
    "data.name=Grace": "data.name=•••",
    "data.name!=Grace": "data.name!=•••",
    "data.email~grace@example.com": "data.email~g…@example.com",
    "@attribute.who=Grace": "@attribute.who=•••",
    "@release=Grace Hopper": "@release=•••",
}


@pytest.mark.parametrize("text", SHOWN)
def test_a_condition_is_shown_as_it_was_written_except_what_is_personal(
    text: str,
) -> None:
    assert veiled_condition(text) == SHOWN[text]


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_shown_is_a_condition_again(text: str) -> None:
    """And if nothing in it is masked, the same one."""
    written, shown = Condition.read(text), Condition.read(SHOWN[text])
    if "…" not in SHOWN[text] and "•••" not in SHOWN[text]:
        assert shown == written
    assert (shown.op, shown.opposite, shown.around) == (
        (written.op, written.opposite, written.around)
    )
    assert len(shown.steps) == len(written.steps)
