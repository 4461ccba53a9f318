"""What no contract declares public is hidden, whatever the body; and in linear time."""

import json
import re

import pytest

from processing.events.masking import (
    CHANGED,
    MASK,
    mask,
    mask_attribute,
    mask_body,
    mask_both,
    mask_reference,
    mask_value,
)
from processing.events.shapes import Shape, may_be_read, shape_of
from processing.events.veil import Veil
from tests.builders import order_created, signup_requested
from tests.growth import LINEAR, growth


def masked(**data: object) -> dict[str, object]:
    found = json.loads(mask_body(json.dumps({"type": "order_created", "data": data})))
    assert isinstance(found["data"], dict)
    return found["data"]


def test_what_a_contract_declares_public_keeps_its_text() -> None:
    body = '{"type":"order_created", "data":{"order_id":"\\u004fRD-1","total":1.10}}'
    assert mask_body(body) == body


@pytest.mark.parametrize(
    "value",
    [
        "Grace Hopper",
        "",
        4915112345678,
        1.5,
        True,
        "\ud83d",
        "a@b",
        "{",
        '{"a":',
        "•••",
    ],
)
def test_what_it_does_not_is_hidden_whatever_its_kind(value: object) -> None:
    found = masked(name=value, note=[value], more={"deep": {"er": [[value]]}})
    assert set(found) == {"name", "note", "more"}
    for one in (found["name"], found["note"][0], found["more"]["deep"]["er"][0][0]):  # type: ignore[index]
        assert one == MASK


def test_public_fields_hide_what_they_were_not_made_for() -> None:
    wrong = {"first": "Grace", "grace@example.com": 1}
    found = masked(
        order_id=wrong, customer_id="Grace Hopper", currency="euros", items=wrong
    )
    assert found["order_id"] == {"first": MASK, f"{MASK}1": MASK}
    assert (found["customer_id"], found["currency"]) == (MASK, "euros")
    assert found["items"] == {"first": MASK, f"{MASK}1": MASK}


def test_names_that_a_sender_chooses_are_hidden_however_deep_they_stand() -> None:
    data = {"context": {"grace": [{"hopper": {"ada": 1}}]}}
    shown = mask_body(json.dumps({"type": "email_requested", "data": data}))
    hidden = {f"{MASK}1": [{f"{MASK}1": {f"{MASK}1": MASK}}]}
    assert json.loads(shown)["data"]["context"] == hidden


def test_hidden_names_stay_apart_so_that_the_text_can_be_read_again() -> None:
    found = masked(context={"A B": 1, "C D": {"E F": 2, "G H": 3}, "I J": 4})
    assert found["context"] == {
        f"{MASK}1": MASK,
        f"{MASK}2": {f"{MASK}1": MASK, f"{MASK}2": MASK},
        f"{MASK}3": MASK,
    }


def test_names_and_values_are_read_as_json_reads_them() -> None:
    body = r'{"type":"order_created","data":{"order\u005fid":"O-1","\u006eame":"Gr\u0061ce"}}'
    assert mask_body(body).endswith(r'{"order\u005fid":"O-1","\u006eame":"•••"}}')


@pytest.mark.parametrize(
    "body",
    [
        '{"type":"signup_requested","data":{"name":"Grace',
        '{"name":"Grace","name":"Grace"}',
        "Grace",
        "[" * 40 + '"Grace"' + "]" * 40,
        '{"total": NaN, "name": "Grace"}',
    ],
)
def test_what_cannot_be_read_is_masked_whole(body: str) -> None:
    assert mask_body(body) == MASK
    veil = Veil(body)
    assert veil.error("Grace was refused.") == MASK
    assert "Grace" not in veil("The key 'Grace' stands twice in one object.")


@pytest.mark.parametrize("secret", ["Grace", "Hopper", "grace.h@example.com"])
def test_envelopes_of_others_hide_what_is_inside(secret: str) -> None:
    event = signup_requested(name="Grace Hopper", email="grace.h@example.com")
    inside = json.loads(event.body)
    cloud = {"specversion": "1.0", "id": "1", "source": "s", **inside}
    bodies = [
        cloud,
        {"Type": "Notification", "MessageId": "1", "Message": event.body},
        {"Type": "Notification", "Message": json.dumps({"Message": event.body})},
        {"detail-type": "signup_requested", "detail": inside["data"]},
        {"detail-type": "x", "detail": inside},
        {"detail-type": "x", "detail": cloud},
        {"Records": [{"body": event.body}]},
        [inside],
        event.body,
    ]
    for body in map(json.dumps, bodies):
        assert secret not in mask_body(body)
        assert secret not in Veil(body)(f"No place for {secret}, sorry.")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada.l@mail.example.com", "a…@mail.example.com"),
        ("al@example.com", "…@example.com"),
        ('"grace hopper"@example.com', "…@example.com"),
        ("o'brien@example.com", "o…@example.com"),
        ("!#$%&*+/=?^_`{|}~-@example.com", "…@example.com"),
        ("g" + "r" * 241 + "@example.com", "g…@example.com"),  # as long as one can be
        ("g" + "r" * 242 + "@example.com", MASK),
        ("Grace Hopper", MASK),
        ("grace@", MASK),
        ("grace hopper@example.com", MASK),
        ("grace@example.com, hopper@example.com", MASK),
        ("grace@hopper's", MASK),
    ],
)
def test_an_address_is_shortened_and_all_else_hidden(address: str, shown: str) -> None:
    assert mask_value(address) == shown


@pytest.mark.parametrize(
    "written",
    [
        "grace@example.com",
        "<grace@example.com>",
        "(grace@example.com)=1",
        "'grace@example.com'",
        "mailto:grace@example.com?x",
        "grace%40example.com",
        r"grace\u0040example.com",
        "grace&#64;example.com",
        "grace&#x40;example.com",
        "grace&#X40;example.com",
        "grace＠example.com",
        "grace\ufe6bexample.com",
        "grace@[10.0.0.1]",
        "grace@localhost",
        '"grace h"@example.com',
        "to=grace@example.com",
        "grace!h%x@example.com",
    ],
)
def test_addresses_in_texts_are_shortened_however_they_are_written(
    written: str,
) -> None:
    assert "grace" not in mask(f"The server said: {written}. Try again.")


@pytest.mark.parametrize("text", ["a @ b", "@media", "=1", "\ufeff@SUM(A1)", "@"])
def test_what_is_no_address_stays(text: str) -> None:
    assert mask(text) == text


def test_a_veil_hides_words_of_the_body_and_no_others() -> None:
    profile = {"phone": "+44 20 7946 0958", "company": "山田太郎"}
    veil = Veil(signup_requested(name="Jürgen Li", profile=profile).body)
    text = r"JÜRGEN, 'J\u00fcrgen', jürgen li, (7946) 名前は山田太郎です: constraint failed"
    shown = veil(text)
    for secret in ("rgen", "RGEN", " li", "7946", "山田", "太郎"):
        assert secret not in shown
    assert shown.endswith("です: constraint failed")
    assert Veil(order_created(order_id="ORD-1").body)("Order ORD-1.") == "Order ORD-1."


_M = MASK


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        # As code does that normalizes a phone number.
        ("+44 20 7946-0958", "Refused +442079460958, twice.", f"Refused +{_M}, twice."),
        ("Grace Hopper", "GraceHopper or grace_hopper", f"{_M} or {_M}"),
        ("GraceHopper", "No grace Hopper is here", f"No {_M} {_M} is here"),
        ("Grace Hopper", "No Grace%20Hopper here", f"No {_M}%20{_M} here"),
        ("Grace Hopper", "No GRACE%2520hopper", f"No {_M}%2520{_M}"),
        ("Grace Hopper", "/find?q=Grace+Hopper&n=2", f"/find?q={_M}+{_M}&n=2"),
        ("Grace%20Hopper", "No Grace Hopper", f"No {_M} {_M}"),
        ("Jürgen Müller", "J%C3%BCrgen%20M%c3%bcller!", f"{_M}%20{_M}!"),
        ("Jürgen", "100% of J%FCrgen", f"100% of {_M}"),  # in Latin-1
        ("Ürgen", "to%20%C3%9Crgen is 100%", f"to{_M} is 100%"),
        ("José", "No Jos%C3%A9 or Jos%25C3%25A9, twice", f"No {_M} or {_M}, twice"),
        ("DE89370400440532", "IBAN DE89 3704 0044 0532!", f"IBAN {_M} {_M} {_M} {_M}!"),
        # A number at home and from abroad.
        ("+49 30 1234567", "Call 030 1234567 now", f"Call {_M} {_M} now"),
        ("030 1234567", "Call 0049301234567", f"Call {_M}"),
        ("+15551234567", "(555) 123-4567, twice", f"({_M}) {_M}-{_M}, twice"),
        ("555.123.4567", "%2B1%20555%201234567", f"%2B{_M}%20{_M}%20{_M}"),
        ("+15551234567", "555%2520123%252D4567", f"{_M}%2520{_M}%252D{_M}"),
        ("+15551234567", "555\u2013123\u20114567", f"{_M}\u2013{_M}\u2011{_M}"),
        ("+15551234567", "555_123_4567", _M),
        ("+15551234567", "\uff15\uff15\uff15 123 456\uff17", f"{_M} {_M} {_M}"),
        # A short word is hidden by itself from three letters on, or at the end.
        ("Bob Hopper", "No Bob, or hopper.", f"No {_M}, or {_M}."),
        ("Hopper Zoe", "ZOE is here", f"{_M} is here"),
        ("Bo Hopper", "No Bo. Bo Hopper?", f"No Bo. {_M} {_M}?"),
        ("Hopper Bo", "No Bo", f"No {_M}"),
        ("B", "No B", f"No {_M}"),
        # Of many words, from four letters on.
        ("We met Bob and Zoe on the way to Rome", "Bob, Rome", f"Bob, {_M}"),
        # An accent may be a character of its own.
        ("J\u00fcrgen", "No Ju\u0308rgen", f"No {_M}\u0308{_M}"),
        ("Ju\u0308rgen", "No J\u00fcrgen", f"No {_M}"),
        ("+15551234567", "Order 1234 of 4567890", "Order 1234 of 4567890"),
        ("+15551234567", "555, 123, 4567", "555, 123, 4567"),
    ],
)
def test_a_veil_hides_a_value_however_a_text_spells_it(
    value: str, text: str, shown: str
) -> None:
    body = json.dumps({"type": "signup_requested", "data": {"name": value}})
    assert Veil(body)(text) == shown


@pytest.mark.parametrize(
    "text", ["1 ", "123 4567 ", "a%20", "%41", "%25", "1%2520", "1_"]
)
def test_a_veil_reads_a_text_in_linear_time(text: str) -> None:
    values = {"phone": "+15551234567", "name": "Grace Hopper", "note": "q" * 300}
    veil = Veil(json.dumps({"type": "signup_requested", "data": values}))
    assert growth(lambda size: veil(text * (size // len(text))), 4_000) < LINEAR


@pytest.mark.parametrize("body", [r'"O\u0027Brien"', r'{"O\u0027Brien Ltd": 1}'])
@pytest.mark.parametrize("inside", [False, True])
def test_a_veil_hides_what_a_text_repeats_of_the_body_as_it_is_written(
    body: str, inside: bool
) -> None:
    body = (
        json.dumps({"Message": f"{{{body}: 1}}" if body[0] == '"' else body})
        if inside
        else body
    )
    assert "Brien" not in Veil(body)(f"It says {body}.")


@pytest.mark.parametrize("before", range(20))
def test_a_veil_ends_a_long_text_before_a_word_that_it_might_hide(before: int) -> None:
    veil = Veil(signup_requested(name="Grace Li Hopper").body)
    blanks = " " * (64 * 1024 - before)
    shown = veil(f"{blanks}Grace Li Hopper was here. {blanks}")
    assert not re.search("Grac|Li|Hop", shown)
    assert len(shown) <= 64 * 1024


def test_a_change_of_what_is_hidden_shows() -> None:
    before, after = mask_both('{"name": "Grace", "x": 1}', '{"name": "Ada", "x": 1}')
    assert before == '{"name": "•••", "x": "•••"}'
    assert after.replace(CHANGED, "") == before
    assert after != before
    assert mask_both("{cut", "{cut more") == (MASK, MASK + CHANGED)


def test_only_attributes_of_ours_are_shown() -> None:
    failure = json.dumps({"error_type": "X", "error_text": "Grace", "worker": "w:1"})
    assert mask_attribute("type", "order_created") == "order_created"
    for name, value in (("customer", "grace"), ("type", "Grace Hopper")):
        assert mask_attribute(name, value) == MASK
    assert "Grace" not in mask_attribute("failure", failure)
    assert '"error_type": "X"' in mask_attribute("failure", failure)
    assert mask_attribute("failure", "Grace") == MASK


def test_a_reference_is_an_id_or_it_is_masked() -> None:
    assert mask_reference("ORD/2026-1.a") == "ORD/2026-1.a"
    assert mask_reference("grace@example.com") == "g…@example.com"
    assert mask_reference("Grace Hopper") == MASK


def test_what_may_be_read_is_public_in_every_contract() -> None:
    for path in ("id", "type", "data/order_id", "data/items/0/sku", "data/items"):
        assert may_be_read(path.split("/")), path
    for path in ("", "data", "data/email", "data/context/a", "data/nothing", "x"):
        assert not may_be_read(path.split("/")), path


UNITS = [
    *(
        "x",
        "x@",
        '"',
        "a.",
        "%",
        "@[",
        'a"',
        r"\u0040",
        "a b ",
        "山",
        "'",
        " ",
        "<",
        "é",
    ),
    *('{"a":"b"},', '"\\"",', "[],", "9"),
]


@pytest.mark.parametrize("unit", UNITS)
def test_masking_grows_with_the_text_alone(unit: str) -> None:
    def work(size: int) -> None:
        text = unit * (size // len(unit))
        mask(text)
        for body in (text, json.dumps({"data": {"name": text}}), f"[{text[:-1]}]"):
            mask_body(body)
            Veil(body)(text[:2_000])

    assert growth(work, 30_000) < LINEAR


PERSONAL = {
    "order_created": {"email"},
    "order_updated": set(),
    "order_returned": {"reason"},
    "signup_requested": {"email", "name", "profile.company", "profile.phone"},
    "email_requested": {"recipient", "context", "subject", "body"},
}


def _hidden(shape: Shape, path: str = "") -> set[str]:
    if shape.items is not None:
        return _hidden(shape.items, path)
    if not shape.fields:
        return set() if shape.public else {path}
    return {
        one
        for name, field in shape.fields.items()
        for one in _hidden(field, f"{path}.{name}".lstrip("."))
    }


@pytest.mark.parametrize("type", PERSONAL)
def test_no_contract_makes_public_what_tells_of_a_person(type: str) -> None:
    assert _hidden(shape_of(type).at(["data"])) == PERSONAL[type]
