"""The form of a body, and what is typed into it, as a patch."""

import json
from typing import Any

import pytest

from dlq_review.bodies import exact_json, json_patch, typed
from dlq_review.bodies.body_form import MOST, NoFormError, form_of
from dlq_review.bodies.inputs import Input, Section
from processing.events.contracts import CONTRACTS
from processing.events.masking import mask_body
from tests.builders import order_data


def body(type: str = "order_created", /, **changes: Any) -> str:
    data = {**CONTRACTS[type].example, **changes}
    return json.dumps({"id": "r-1", "type": type, "data": data})


def form(text: str, *, masked: bool = False) -> list[Section]:
    text = mask_body(text) if masked else text
    return form_of(exact_json.loads(text), {}, masked=masked)


def inputs(sections: list[Section]) -> dict[str, Input]:
    parts = [part for one in sections for part in one.walk()]
    return {one.pointer: one for part in parts for one in part.inputs}


def shown(text: str) -> dict[str, str]:
    return {path: one.shown for path, one in inputs(form(text)).items()}


def after(text: str, sent: dict[str, str], dropped: list[str] | None = None) -> Any:
    steps = typed.steps(form(text), sent, dropped or [])
    return json.loads(json_patch.apply(steps, text))["data"]


@pytest.mark.parametrize("type", CONTRACTS)
def test_every_contract_has_a_form_that_changes_nothing_as_it_is(type: str) -> None:
    text = body(type)
    found = form(text)
    assert {path.split("/")[2] for path in inputs(found) if path.startswith("/data/")}
    assert typed.steps(found, shown(text)) == []


ODD: dict[str, Any] = {
    "order_id": " two\nlines\r\n ",
    "customer_id": "a\u0000b\u202e",
    "email": None,
    "currency": "euros",
    "total": 9.0,
    "items": [{"sku": ["x"], "quantity": "2", "unit_price": True}],
}


def test_values_that_a_browser_cannot_show_exactly_are_kept() -> None:
    text = body(**ODD)
    assert shown(text)["/data/customer_id"] == r"a\u0000b\u202e"
    sent = {path: one.replace("\n", "") for path, one in shown(text).items()}
    assert typed.steps(form(text), sent) == []


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        ({"/data/currency": "EUR"}, {"currency": "EUR"}),
        ({"/data/customer_id": " C-18 "}, {"customer_id": "C-18"}),
        ({"/data/total": ""}, {"total": None}),
        ({"/data/items/0/quantity": "3"}, {"items": 3}),
        ({"/data/items/0/quantity": "three"}, {"items": "three"}),
        ({"/data/unheard": "x", "reason": "x"}, {}),
        ({}, {}),
    ],
)
def test_what_was_typed_replaces_what_was_shown(
    sent: dict[str, str], changed: dict[str, Any]
) -> None:
    text = body(currency="euros", total="9.00")
    before, now = json.loads(text)["data"], after(text, sent)
    assert {
        name: now.get(name) for name in before if now.get(name) != before[name]
    } == {
        name: [{**before["items"][0], "quantity": value}] if name == "items" else value
        for name, value in changed.items()
    }


def test_a_part_that_was_missing_is_made() -> None:
    text = body("signup_requested")
    assert after(text, {"/data/profile/country": "GB"})["profile"] == {"country": "GB"}


def test_members_are_removed_by_their_places() -> None:
    items = [{**order_data()["items"][0], "sku": f"S-{n}"} for n in range(12)]
    gone = [f"/data/items/{n}" for n in (1, 9, 10)] + ["/data", "/data/email"]
    left = after(body(items=items), {"/data/items/11/sku": "NEW"}, gone)
    assert [one["sku"][-2:] for one in left["items"]] == [
        *("-0", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "EW")
    ]
    assert left["email"]


@pytest.mark.parametrize(
    ("type", "path", "member"),
    [("order_created", "/data/items", {}), ("order_returned", "/data/skus", "")],
)
def test_a_list_grows_and_what_is_left_empty_goes(
    type: str, path: str, member: Any
) -> None:
    text = body(type)
    grown = json_patch.apply(typed.grown(form(text), path), text)
    name = path.rpartition("/")[2]
    assert json.loads(grown)["data"][name][-1] == member
    emptied = typed.left_empty(form(grown), form(text))
    assert json.loads(json_patch.apply(emptied, grown)) == json.loads(text)
    assert typed.grown(form(text), "/data/order_id") == []


@pytest.mark.parametrize(
    ("items", "place", "shape"),
    [
        ("TEA-1", "/data/items", "list"),
        ({"sku": "TEA-1"}, "/data/items", "list"),
        (["TEA-1"], "/data/items/0", "object"),
    ],
)
def test_a_part_of_another_shape_is_left_to_the_json(
    items: Any, place: str, shape: str
) -> None:
    found = form(body(items=items))
    parts = [part for one in found for part in one.walk() if part.note]
    assert [(part.pointer, part.note) for part in parts] == [
        (place, f"It is no {shape} now; change it in the JSON.")
    ]
    assert not [one for one in inputs(found) if one.startswith(place)]
    assert not any(part.grows for part in parts)


def test_what_the_contract_does_not_know_is_kept_until_it_is_dropped() -> None:
    text = body(gift=True)
    assert after(text, shown(text))["gift"] is True
    assert "gift" not in after(text, {}, ["/data/gift"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "no object"),
        ("{}", "none that we know"),
        ('{"type": "unheard", "data": {}}', "none that we know"),
        ('{"type": "order_created", "data": []}', 'no object called "data"'),
        (body(items=[{}] * MOST), "a form at most 600"),
    ],
)
def test_some_bodies_have_no_form(text: str, why: str) -> None:
    with pytest.raises(NoFormError, match=why):
        form(text)


def test_personal_fields_are_locked_for_those_who_may_not_see_them() -> None:
    text = body(
        "signup_requested", name="Grace", profile={"company": "X", "country": "GB"}
    )
    found = inputs(form(text, masked=True))
    locked = {path: one.shown for path, one in found.items() if one.locked}
    assert locked == {
        "/data/email": "a…@example.com",
        "/data/name": "•••",
        "/data/profile/company": "•••",
        "/data/profile/phone": "",
    }
    assert typed.steps(form(text, masked=True), dict.fromkeys(locked, "x")) == []
