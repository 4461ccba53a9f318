"""What is offered for a body, and that it makes the body valid."""

import json
from typing import Any

import pytest

from dlq_review.bodies import json_patch
from dlq_review.suggestions.suggest import Suggestion, suggestions
from dlq_review.suggestions.texts import closed
from processing.events import envelope
from processing.events.errors import EventError, Problem
from tests.builders import order_data


def problems(body: str) -> tuple[Problem, ...]:
    try:
        envelope.parse(body, fallback_id="r-1")
    except EventError as error:
        return error.problems
    return ()


def offered(body: str) -> list[Suggestion]:
    return suggestions(body, problems(body))


def order(**changes: Any) -> str:
    data = order_data(order_id="ORD-1", **changes)
    return json.dumps({"type": "order_created", "data": data})


def around(**changes: Any) -> str:
    """A valid order in an envelope with these fields."""
    data = order_data(order_id="ORD-1")
    return json.dumps({"type": "order_created", **changes, "data": data})


def without(name: str, **more: Any) -> str:
    data = order_data(order_id="ORD-1")
    value = data.pop(name)
    placed = {key: value if one is None else one for key, one in more.items()}
    return json.dumps({"type": "order_created", "data": {**data, **placed}})


MOVED = json.loads(without("currency")) | {"currency": "EUR"}


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (order(currency="euros"), ["near_choice"]),
        (order(total="1.00"), ["computed"]),
        (order(total=9), []),
        (order(gift=True), ["no_such_field"]),
        (order(items={"sku": "TEA-1", "qty": 2}), []),
        (order(items="TEA-1"), []),
        (without("customer_id", custmer_id=None), ["field_name"]),
        (without("customer_id", CustomerID=None), ["field_name"]),
        (json.dumps(MOVED), ["moved_field"]),
        (
            order(
                items=[{"SKU": "A", "quantity": "2", "unit_price": 1.5}], currency="eur"
            ),
            ["field_name", "other_case", "text_as_number", "number_as_text"],
        ),
        (order()[:-2], ["close"]),
        (order()[:-2] + " ,\n", ["close"]),
        (around(correlation_id=12), ["number_as_text"]),
        (around(id=12), []),  # it would be another request
        (order(), []),
        ("nonsense", []),
        ("[]", []),
        ('{"type": "unheard of", "data": {}}', []),
    ],
)
def test_the_rules_that_are_offered_make_the_body_valid(
    body: str, rules: list[str]
) -> None:
    found = offered(body)
    assert [one.rule for one in found] == rules
    for one in found:
        body = one.text or json_patch.apply(one.patch, body)
    if rules:
        assert problems(body) == ()


def test_a_valid_body_is_offered_nothing_however_odd_it_is() -> None:
    named = {"type": "order_created", "order_id": "ORD-1"}
    for odd in (order(currency="euros"), json.dumps(named), '{"data": {}'):
        assert suggestions(odd, ()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": ',
        '{"a": "b',
        '{"a": 1}',
        '{"a": 1},',
        "[1]]",
        '{"a": [1}',
        '"a"',
        "x" * 70_000,
    ],
)
def test_only_brackets_are_ever_closed(text: str) -> None:
    assert closed(text) in (None, "{}")


@pytest.mark.parametrize("most", [64 * 1024, 64 * 1024 + 1])
def test_a_text_is_closed_that_an_edit_may_be_long(most: int) -> None:
    text = f'["{"x" * (most - 3)}"'
    assert (closed(text) is not None) is (most == 64 * 1024)


@pytest.mark.parametrize(
    "body", [order(customer_id="C-1" + " " * 90), order(**{"n" * 90: 1})]
)
def test_of_a_long_value_or_name_the_beginning_is_shown(body: str) -> None:
    (one,) = offered(body)
    assert len(one.before) == 80


def test_a_name_that_no_pointer_can_hold_is_not_offered() -> None:
    assert offered(order(**{"a\0b": 1})) == []


def test_a_repair_is_told_in_the_letters_that_a_person_writes() -> None:
    data = {"email": "zoe@example.com", "name": "Zoë Ødegård\n"}
    (found,) = offered(json.dumps({"type": "signup_requested", "data": data}))
    assert (found.rule, found.after) == ("trim", '"Zoë Ødegård"')
    assert found.patch[0]["json"] == '"Zoë Ødegård"'
