"""What is written in place of a wrong value, and what nobody may type unseen."""

import json
from math import inf
from typing import Any

import pytest

from dlq_review.facets import wrong_values
from dlq_review.facets.wrong_values import WrongPlace, wrong_places
from dlq_review.letters import revisions
from processing.events.contracts import CONTRACTS
from tests.builders import (
    dead_letter,
    failure,
    order_created,
    order_data,
    order_updated,
)


def changed(type: str, changes: dict[str, Any]) -> str:
    """An example of *type* with *changes*."""
    return json.dumps({"type": type, "data": {**CONTRACTS[type].example, **changes}})


QUANTITY, CURRENCY = "/data/items/*/quantity", "/data/currency"


@pytest.mark.parametrize(
    ("pointer", "text", "is_number"),
    [
        (QUANTITY, "5", True),
        (QUANTITY, "-5", True),
        (QUANTITY, "0" * 17 + "7", True),
        (QUANTITY, "9" * 18, True),
        (QUANTITY, "9" * 19, False),  # which a database has no room for
        (QUANTITY, "1.5", False),
        (QUANTITY, "--5", False),
        (QUANTITY, "", False),
        (QUANTITY, "\u0665", False),
        (QUANTITY, "\u00b2", False),
        (CURRENCY, "5", False),
    ],
)
def test_a_whole_number_is_written_as_one_where_the_contract_takes_one(
    pointer: str, text: str, *, is_number: bool
) -> None:
    place = WrongPlace(pointer, types={"order_created"})
    written = json.loads(place.written(text))
    assert written == (int(text) if is_number else text)


@pytest.mark.parametrize(
    "types",
    [{"order_created", "order_returned"}, {"order_created", "new"}, {"unheard of"}],
)
def test_where_the_letters_have_no_one_contract_a_number_is_a_text(
    types: set[str],
) -> None:
    place = WrongPlace(QUANTITY, types=types)
    assert (place.written("5"), place.choices, place.computed) == ('"5"', (), [])


def test_a_field_is_computed_if_its_contract_makes_it_of_others() -> None:
    found = {type: WrongPlace("/data", types={type}).computed for type in CONTRACTS}
    assert {type: paths for type, paths in found.items() if paths} == {
        "order_created": ["/data/total"]
    }


@pytest.mark.django_db
def test_so_many_places_are_named_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    body = order_created().body.replace('"EUR"', '"euros"').replace("TEA-1", "?")
    assert len(wrong_places([dead_letter(body)])) == 2
    monkeypatch.setattr(wrong_values, "MOST_PLACES", 1)
    assert len(wrong_places([dead_letter(body)])) == 1


@pytest.mark.django_db
def test_why_a_place_is_refused_names_no_value_of_a_personal_field() -> None:
    body = order_created(email="zoe@example.org").body
    letter = dead_letter(body)
    letter.body_fingerprint = "x"  # its contract takes it, a business rule does not
    letter.error_field = "data.currency"
    letter.error_text = "The account of zoe@example.org is closed."
    (place,) = wrong_places([letter])
    assert place.message.startswith("The account of ")
    assert "zoe@example.org" not in place.message


@pytest.mark.django_db
def test_a_field_that_a_business_rule_refused_may_be_missing_and_is_not_asked_for() -> (
    None
):
    letter = dead_letter(order_updated())
    letter.error_field, letter.error_text = "data.note", "Nobody knows this order."
    (place,) = wrong_places([letter])
    assert (place.pointer, place.letters, place.missing) == ("/data/note", 1, 0)


@pytest.mark.django_db
def test_a_wrong_body_that_staff_put_back_is_as_wrong_as_it_was() -> None:
    right = order_created()
    letter = dead_letter(right.body.replace('"EUR"', '"euros"'))
    revisions.edit(letter, right.body, based_on=0, by="ada", reason="x")
    assert wrong_places([letter]) == []
    revisions.put_back(letter, 0, by="ada", reason="x")
    assert [one.pointer for one in wrong_places([letter])] == [CURRENCY]


@pytest.mark.django_db
def test_a_body_that_arrived_behind_an_edit_is_blamed_for_its_own_failure() -> None:
    told = failure(error_field="data.order_id")
    event = order_created(order_id="ORD-1")
    letter = dead_letter(event, attributes=told)
    edited = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, edited, based_on=0, by="ada", reason="x")
    assert wrong_places([letter]) == []
    other = order_created(id=event.id, order_id="ORD-2")
    (place,) = wrong_places([dead_letter(other, attributes=told)])
    assert (place.pointer, place.values) == ("/data/order_id", {'"ORD-2"': 1})


@pytest.mark.django_db
def test_the_commonest_place_comes_first() -> None:
    rare = order_created().body.replace('"EUR"', '"euros"')
    common = order_created().body.replace("TEA-1", "?")
    letters = [dead_letter(body) for body in (rare, common, common)]
    found = [(one.pointer, one.letters) for one in wrong_places(letters)]
    assert found == [("/data/items/*/sku", 2), (CURRENCY, 1)]


@pytest.mark.django_db
def test_a_place_under_a_name_that_may_be_personal_is_not_named() -> None:
    body = order_created().body.replace('"customer_id"', '"Zoe Lovelace"')
    assert [one.pointer for one in wrong_places([dead_letter(body)])] == [
        "/data/customer_id"
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("item", "counted"),
    [
        ({"sku": "A", "quantity": inf, "unit_price": "1.00"}, (1, 0, 1, {})),
        ({"sku": "A", "quantity": -inf, "unit_price": "1.00"}, (1, 0, 1, {})),
        ({"sku": "?", "quantity": 1, "unit_price": "1.00"}, (1, 0, 1, {})),
        ({"sku": "A", "quantity": 0, "unit_price": "1.00"}, (1, 0, 0, {"0": 1})),
        ({"sku": "A", "unit_price": "1.00"}, (1, 1, 0, {})),
    ],
)
def test_a_letter_counts_once_for_all_places_of_a_list(
    item: dict[str, object], counted: tuple[int, int, int, dict[str, int]]
) -> None:
    data = {**order_data(), "items": [item, item]}
    body = json.dumps({"type": "order_created", "data": data})
    (place,) = wrong_places([dead_letter(body.replace("Infinity", "1e400"))])
    assert (place.letters, place.missing, place.hidden, place.values) == counted


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (changed("order_created", {"7": "x"}), "/data/7"),
        (changed("order_created", {"items": [{"7": "x"}]}), "/data/items/*/7"),
        (changed("email_requested", {"context": {"7": 7}}), "/data/context/7"),
        (changed("order_returned", {"skus": [7]}), "/data/skus/*"),
    ],
)
def test_a_number_is_a_place_in_a_list_only_and_a_name_in_an_object(
    body: str, pointer: str
) -> None:
    assert pointer in [one.pointer for one in wrong_places([dead_letter(body)])]
