"""What each part of a form says of the value that it stands for."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from dlq_review.bodies import body_form, exact_json, json_patch, typed
from dlq_review.bodies.body_form import form_of
from dlq_review.bodies.contract_fields import Kind, fields_of
from dlq_review.bodies.inputs import Extra, Input, Section
from processing.events.contracts import EmailRequested, OrderCreated
from processing.events.masking import MASK
from tests.builders import order_data

ORDER = order_data(order_id="ORD-1")


def form(
    data: dict[str, Any],
    *,
    type: str = "order_created",
    problems: dict[str, str] | None = None,
    masked: bool = False,
    **around: Any,
) -> list[Section]:
    body = json.dumps({"type": type, **around, "data": data})
    return form_of(exact_json.loads(body), problems or {}, masked=masked)


def parts(sections: list[Section]) -> Iterator[Section]:
    for one in sections:
        yield from one.walk()


def inputs(sections: list[Section]) -> dict[str, Input]:
    return {one.pointer: one for part in parts(sections) for one in part.inputs}


def extras(sections: list[Section]) -> list[Extra]:
    return [extra for part in parts(sections) for extra in part.extras]


@pytest.mark.parametrize(
    ("name", "value", "extra"),
    [
        ("gift", True, Extra("/data/gift", "gift", "true", True)),
        ("a/b", "x", Extra("/data/a~1b", "a/b", "x", True)),
        ("more", {"x": 1}, Extra("/data/more", "more", "…", True)),
        ("more", [], Extra("/data/more", "more", "…", True)),
        ("none", None, Extra("/data/none", "none", "…", True)),
        ("long", "x" * 201, Extra("/data/long", "long", "x" * 200, True)),
        ("n" * 101, 1, Extra(f"/data/{'n' * 101}", "n" * 100, "1", True)),
        ("a\u202eb", 1, Extra("/data/a\u202eb", r"a\u202eb", "1", True)),
        ("a\0b", 1, Extra("/data/a\0b", "a\0b", "1", False)),
    ],
)
def test_a_member_that_no_contract_knows_is_named_and_offered_to_be_removed(
    name: str, value: Any, extra: Extra
) -> None:
    assert extras(form({**ORDER, name: value})) == [extra]
    (masked,) = extras(form({**ORDER, name: value}, masked=True))
    assert (masked.pointer, masked.removable) == (extra.pointer, False)


def test_only_what_no_contract_knows_of_an_event_stands_beside_its_fields() -> None:
    found = form(ORDER, id="r-1", timestamp="x", shop=1)
    assert extras(found) == [Extra("/shop", "shop", "1", True)]
    assert [one.title for one in found] == ["The request", "The envelope"]


@pytest.mark.parametrize("may_be_read", [True, False])
def test_a_list_grows_and_shrinks_unless_it_is_hidden(
    monkeypatch: pytest.MonkeyPatch, *, may_be_read: bool
) -> None:
    monkeypatch.setattr(body_form, "may_be_read", lambda names: may_be_read)
    for masked in (False, True):
        found = {one.pointer: one for one in parts(form(ORDER, masked=masked))}
        changes = may_be_read or not masked
        assert found["/data/items"].grows is changes
        assert found["/data/items/0"].removable is changes
        assert found["/data"].grows is found["/data"].removable is False


def test_each_part_has_its_own_problem_and_whether_it_is_there() -> None:
    told = {
        path: f"{path} is wrong."
        for path in ("/data/currency", "/data/items", "/data/items/0/sku", "/data")
    }
    data = {**ORDER, "currency": "euros"}
    del data["email"]
    found = form(data, problems=told)
    said = {one.pointer: one.problem for one in parts(found)}
    said |= {path: one.problem for path, one in inputs(found).items()}
    assert {path: text for path, text in said.items() if text} == told
    there = {path for path, one in inputs(found).items() if one.present}
    assert "/data/currency" in there
    assert not {"/data/email", "/correlation_id"} & there


@pytest.mark.parametrize(
    ("value", "masked", "shown", "note"),
    [
        ("EUR", False, "EUR", ""),
        (None, False, "", ""),
        (1.50, False, "1.5", ""),
        (["EUR"], False, "", "It holds a list now. What you type replaces that."),
        ({"a": 1}, False, "", "It holds an object now. What you type replaces that."),
        (MASK, False, MASK, ""),
        (MASK, True, "", "Its value is masked: it does not look like this field."),
    ],
)
def test_an_input_shows_its_value_or_says_why_it_does_not(
    value: Any, masked: bool, shown: str, note: str
) -> None:
    one = inputs(form({**ORDER, "currency": value}, masked=masked))["/data/currency"]
    assert (one.shown, one.note, one.label) == (shown, note, "Currency")


def test_parts_are_called_by_their_names_and_the_places_in_their_list() -> None:
    items = [ORDER["items"][0]] * 2
    titles = [one.title for one in parts(form({**ORDER, "items": items}))]
    assert titles == [
        *("The request", "Items", "Items, number 1", "Items, number 2"),
        "The envelope",
    ]
    shown = form({"skus": ["A", "B"]}, type="order_returned")
    labels = {path: one.label for path, one in inputs(shown).items()}
    assert labels["/data/order_id"] == "Order id"
    assert [labels[f"/data/skus/{number}"] for number in (0, 1)] == ["1", "2"]
    mail = form({"context": {"a\u202e_b": 1}}, type="email_requested")
    labels = {path: one.label for path, one in inputs(mail).items()}
    assert labels["/data/context/a\u202e_b"] == r"A\u202e b"


CURRENCY = fields_of(OrderCreated)["currency"]
LONG, SHORT = (fields_of(EmailRequested)[name] for name in ("body", "subject"))


@pytest.mark.parametrize(
    ("kind", "text", "sent"),
    [
        (LONG, "a\r\nb\rc\nd", "a\nb\nc\nd"),
        (SHORT, "a\r\nb\rc\nd", "abcd"),
    ],
)
def test_a_browser_sends_lines_of_a_long_text_alone(
    kind: Kind, text: str, sent: str
) -> None:
    assert Input("/x", "X", kind).as_sent(text) == sent


@pytest.mark.parametrize(
    ("kind", "shown", "strange"),
    [
        (CURRENCY, "EUR", ""),
        (CURRENCY, "euros", "euros"),
        (CURRENCY, "", ""),
        (Kind(Literal["a", "b"]), "c", "c"),
    ],
)
def test_a_value_is_strange_if_it_is_none_of_the_choices(
    kind: Kind, shown: str, strange: str
) -> None:
    assert Input("/x", "X", kind, shown).strange == strange


@pytest.mark.parametrize(
    ("type", "path", "before", "text", "json_text"),
    [
        ("order_created", "/data/items/0/quantity", 2, "0", "0"),
        ("order_created", "/data/items/0/quantity", 2, "03", '"03"'),
        ("order_created", "/data/items/0/quantity", 2, "-0", "-0"),
        ("order_created", "/data/items/0/quantity", 2, "٣", '"٣"'),
        ("order_created", "/data/items/0/quantity", 2, "3.0", '"3.0"'),
        ("order_created", "/data/order_id", "ORD-1", "7", '"7"'),
        ("order_created", "/data/order_id", "ORD-1", " Ü ", '"Ü"'),
        ("email_requested", "/data/body", "x", " a \r\n b ", '" a \\n b "'),
        ("email_requested", "/data/subject", "x", " a \r\n", '"a"'),
    ],
)
def test_what_is_typed_is_written_as_its_field_takes_it(
    type: str, path: str, before: Any, text: str, json_text: str
) -> None:
    data = {**ORDER, "body": before, "subject": before} if "email" in type else ORDER
    (step,) = typed.steps(form(data, type=type), {path: text})
    assert step == {"op": "replace", "path": path, "json": json_text}


@pytest.mark.parametrize("value", [None, ["EUR"], {"a": 1}])
def test_blanks_in_an_input_that_shows_nothing_remove_nothing(value: Any) -> None:
    found = form({**ORDER, "currency": value})
    assert typed.steps(found, {"/data/currency": "  "}) == []
    (step,) = typed.steps(found, {"/data/currency": " EUR "})
    assert step["op"] == "replace"
    (gone,) = typed.steps(form(ORDER), {"/data/currency": " "})
    assert gone == {"op": "remove", "path": "/data/currency"}


def test_a_list_that_is_there_is_not_made_anew() -> None:
    text = json.dumps({"type": "order_created", "data": ORDER})
    steps = typed.grown(form(ORDER), "/data/items")
    assert [one["path"] for one in steps] == ["/data/items/-"]
    grown = json.loads(json_patch.apply(steps, text))["data"]["items"]
    assert grown == [*ORDER["items"], {}]
