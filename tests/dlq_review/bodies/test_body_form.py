"""The form of a body, and what is typed into it, as a patch."""

import json
from typing import Any

import pytest

from dlq_review.bodies import exact_json, json_patch, typed
from dlq_review.bodies.body_form import MOST, NoFormError, form_of
from dlq_review.bodies.examples import example
from dlq_review.bodies.inputs import Input, Section
from processing.events import envelope
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
        ({"/data/items/0/quantity": "-3"}, {"items": -3}),
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
    ("type", "name", "there", "added", "left"),
    [
        ("order_returned", "skus", ["A", ""], ["B", "", ""], ["A", "", "B"]),
        (
            "order_created",
            "items",
            [{}],
            [{"sku": ""}, {"sku": "B"}],
            [{}, {"sku": "B"}],
        ),
        ("order_created", "items", [], [{"gift": ""}, {}], [{"gift": ""}]),
    ],
)
def test_a_member_goes_only_if_it_is_new_and_nothing_was_written_in_it(
    type: str, name: str, there: list[Any], added: list[Any], left: list[Any]
) -> None:
    before, grown = body(type, **{name: there}), body(type, **{name: there + added})
    emptied = typed.left_empty(form(grown), form(before))
    now = json.loads(json_patch.apply(emptied, grown))["data"][name]
    assert len(now) == len(left)
    assert [*map(json.dumps, now)] == [*map(json.dumps, left)]


def free(context: Any, *, masked: bool = False) -> Section:
    (found,) = (
        part
        for one in form(body("email_requested", context=context), masked=masked)
        for part in one.walk()
        if part.pointer == "/data/context"
    )
    return found


def test_an_object_with_names_of_its_own_has_an_input_for_each() -> None:
    found = free({"first_name": "Ada", "b/c": 2, "a\0b": "x", "list": ["x"]})
    assert (found.title, found.present, found.grows) == ("Context", True, False)
    assert found.note == "New names are added in the JSON."
    assert [
        (one.pointer, one.label, one.shown, one.note, one.present, one.kind.choices)
        for one in found.inputs
    ] == [
        ("/data/context/first_name", "First name", "Ada", "", True, ()),
        ("/data/context/b~1c", "B/c", "2", "", True, ()),
        (
            *("/data/context/list", "List", ""),
            *("It holds a list now. What you type replaces that.", True, ()),
        ),
    ]


@pytest.mark.parametrize("context", [None, [], "x", {}])
def test_an_object_that_is_none_has_no_inputs(context: Any) -> None:
    found = free(context)
    assert (found.inputs, found.sections, found.extras) == ([], [], [])
    assert found.note == "New names are added in the JSON."


def test_what_is_written_at_a_name_of_its_own_replaces_its_value_as_text() -> None:
    text = body("email_requested", context={"a": 1, "b": "x"})
    assert after(text, {"/data/context/a": "2"})["context"] == {"a": "2", "b": "x"}


NOTHING: list[Any] = ["", 0, False, None, [], {}]


@pytest.mark.parametrize(
    ("items", "place", "shape"),
    [
        ("TEA-1", "/data/items", "list"),
        ({"sku": "TEA-1"}, "/data/items", "list"),
        (["TEA-1"], "/data/items/0", "object"),
        *(
            ([nothing], "/data/items/0", "object")
            for nothing in NOTHING
            if nothing != {}
        ),
        *((nothing, "/data/items", "list") for nothing in NOTHING if nothing != []),
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


@pytest.mark.parametrize(
    ("changes", "added"),
    [
        ({"skus": ["TEA-1"]}, ["TEA-1", ""]),
        ({"skus": []}, [""]),
        ({}, [""]),
    ],
)
def test_a_list_gets_one_more_member_also_where_there_is_none(
    changes: dict[str, Any], added: list[str]
) -> None:
    data = {"order_id": "ORD-1", "customer_id": "C-1", "reason": "broken", **changes}
    text = json.dumps({"type": "order_returned", "data": data})
    steps = typed.grown(form(text), "/data/skus")
    assert json.loads(json_patch.apply(steps, text))["data"]["skus"] == added


@pytest.mark.parametrize("type", CONTRACTS)
def test_an_example_is_a_valid_event_of_the_request(type: str) -> None:
    event = envelope.parse(example(type, "r-7"), fallback_id="another")
    assert (event.id, event.type) == ("r-7", type)


def test_of_a_long_value_that_no_contract_knows_the_beginning_is_shown() -> None:
    parts = [part for one in form(body(surplus="x" * 300)) for part in one.walk()]
    (extra,) = [extra for part in parts for extra in part.extras]
    assert (extra.name, extra.shown) == ("surplus", f"{'x' * 200}")
