"""What is said of each mistake in a field, and of the value beside it that is taken."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import pytest
from pydantic import TypeAdapter, ValidationError

from processing.events import errors, timestamps
from processing.events import field_types as fields
from processing.events.contracts import OrderCreated
from processing.events.errors import MOST_PROBLEMS, problems_in

_NUMBER = "Use 1 to 64 letters, digits, or any of {}, the first a letter or digit."
_ADDRESS = "Write one address, such as name@example.com."
_AMOUNT = "Write an amount such as 12.50, with at most two decimals."
_ZONE = 'Write the time with its zone, such as "2026-11-20T10:00:00+00:00".'
_YEARS = "Write a time between the years 1900 and 9999."

#: A type, a value that is taken, one that is refused, and what is said of it.
FIELDS: list[tuple[Any, Any, Any, str]] = [
    (fields.Money, "0.00", 0.5, 'Write the amount as text, such as "12.50".'),
    (fields.Money, 7, True, 'Write the amount as text, such as "12.50".'),
    (
        fields.Money,
        "999999999.99",
        "1000000000",
        "Write an amount below 1,000,000,000.",
    ),
    (fields.Money, 999_999_999, 10**9, "Write an amount below 1,000,000,000."),
    (fields.Money, "999999999", "999999999.999", _AMOUNT),
    (fields.Money, "12.5", "12.505", _AMOUNT),
    (fields.Price, "0.01", "0.00", "Write an amount of 0.01 or more."),
    (fields.Name, "a b", "a\u202eb", "Remove the character U+202E."),
    (fields.Name, "é", "a\nb", "Remove the control character U+000A."),
    (fields.Name, "x" * 200, "x" * 201, "Write at most 200 characters."),
    (fields.Name, "x", "\u200b ", "Write something here."),
    (
        fields.Name,
        "e" + "\u0301" * 8,
        "e" + "\u0301" * 9,
        "Use fewer accents on one letter.",
    ),
    (fields.ShortLine, "x" * 100, "x" * 101, "Write at most 100 characters."),
    (fields.Paragraphs, "a\n\tb", "a\rb", "Remove the control character U+000D."),
    (fields.Paragraphs, "x", "", "Write at least 1 characters."),
    (fields.Paragraphs, "x" * 20_000, "x" * 20_001, "Write at most 20000 characters."),
    (fields.Name, "x", 1, "Write this as text."),
    (
        fields.Name,
        "\U0001f600",
        "\ud83d",
        r"A character is cut in half here, such as \ud83d; remove it.",
    ),
    (fields.Email, "ada@exämple.com", "ada", _ADDRESS),
    (
        fields.Email,
        "ada@example.com",
        "adä@example.com",
        "Use only plain letters before the @ of the address.",
    ),
    (
        fields.Email,
        f"{'x' * 64}@example.com",
        f"{'x' * 65}@example.com",
        "Write at most 64 characters before the @.",
    ),
    (fields.Email, "a@example.com", f"a@{'ä.' * 120}com", _ADDRESS),
    (fields.Email, '"a@b"@example.com', '"a\x01b"@example.com', _ADDRESS),
    (fields.Email, "a@example.com", "a@localhost", _ADDRESS),
    (fields.Email, "a@example.com", "a@[127.0.0.1]", _ADDRESS),
    (fields.Email, "a?b@example.com", "=?utf-8?q?eve?=@example.com", _ADDRESS),
    (fields.RequestId, "x" * 64, "x" * 65, _NUMBER.format(". _ : -")),
    (fields.RequestId, "a:b", "a/b", _NUMBER.format(". _ : -")),
    (fields.Reference, "x" * 64, "x" * 65, _NUMBER.format(". _ / -")),
    (fields.Reference, "a/b", ".a", _NUMBER.format(". _ / -")),
    (fields.OrderId, "x" * 64, "x" * 65, "Write at most 64 characters."),
    (
        fields.OrderId,
        "a/..b",
        "a/..",
        f"{_NUMBER.format('. _ / -')} After each / comes one that is no dot.",
    ),
    (
        fields.Phone,
        "12345",
        "1234",
        "Write a phone number, such as +44 20 7946 0958.",
    ),
    (
        fields.Phone,
        "1" * 30,
        "1" * 31,
        "Write a phone number, such as +44 20 7946 0958.",
    ),
    (fields.Country, "GB", "gb", "Write the two capital letters, such as GB."),
    (fields.Moment, "2026-11-20T10:00:00Z", "2026-11-20T10:00:00", _ZONE),
    (fields.Moment, "2026-11-20t10:00:00z", "2026-02-30T10:00:00Z", _ZONE),
    (fields.Moment, "2016-12-31T23:59:60Z", "9999-12-31T23:59:60Z", _ZONE),
    (fields.Moment, "2017-06-30T23:59:60Z", "2017-06-29T23:59:60Z", _ZONE),
    (
        fields.Moment,
        "2026-11-20T10:00:00+01:30",
        "2026-11-20T10:00:00+01:30:20",
        "Write the zone in hours and minutes, such as +01:00.",
    ),
    (fields.Moment, "1900-01-01T00:00:00Z", "1899-12-31T23:59:59Z", _YEARS),
    (fields.Moment, "9999-12-30T00:00:00Z", "9999-12-30T00:00:01Z", _YEARS),
]


def said(check: Any, value: Any) -> list[str]:
    try:
        check(value)
    except ValidationError as error:
        return [one.message for one in problems_in(error)]
    return []


@pytest.mark.parametrize(("field", "taken", "refused", "sentence"), FIELDS)
def test_a_field_says_what_is_wrong_with_a_value(
    field: Any, taken: Any, refused: Any, sentence: str
) -> None:
    check = TypeAdapter(field).validate_python
    assert said(check, taken) == []
    assert said(check, refused) == [sentence]


@pytest.mark.parametrize(("field", "taken", "refused", "_"), FIELDS)
def test_the_schema_of_a_field_takes_what_the_field_takes(
    field: Any, taken: Any, refused: Any, _: str
) -> None:
    """Nothing but text can be longer than a pattern allows, so each pattern has both ends."""
    schema = TypeAdapter(field).json_schema()
    for one in schema.get("anyOf", [schema]):
        pattern = one.get("pattern", "^$")
        assert (pattern[0], pattern[-1]) == ("^", "$")
    jsonschema_rs.validate(schema, taken)


def ahead(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


def test_a_time_may_be_as_far_ahead_as_clocks_differ() -> None:
    check = TypeAdapter(fields.PastMoment).validate_python
    assert said(check, ahead(minutes=4.9)) == []
    assert said(check, ahead(minutes=5.1)) == [
        "This time lies more than 5 minutes ahead of our clock. Write when it happened."
    ]


EXAMPLE: dict[str, Any] = OrderCreated.example
ITEM: dict[str, Any] = EXAMPLE["items"][0]
#: Changes of an order, the field that is named, and the sentence about it.
ORDERS: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": 1}, "colour", "There is no such field; remove it."),
    ({"items": []}, "items", "Give at least 1."),
    ({"items": [ITEM] * 101}, "items", "Give at most 100."),
    ({"items": {}}, "items", "Write this as a list."),
    ({"items": [1]}, "items.0", "Write this as an object."),
    ({"items": [{}]}, "items.0.sku", "This field is required."),
    (
        {"currency": "XXX"},
        "currency",
        "Choose one of AUD, CAD, CHF, DKK, EUR, GBP, NOK, PLN, SEK or USD.",
    ),
    *(
        ({"items": [{**ITEM, "quantity": wrong}]}, "items.0.quantity", sentence)
        for wrong, sentence in (
            ("2", "Write this as a whole number."),
            (1.5, "Write this as a whole number."),
            (0, "Write 1 or more."),
            (10_001, "Write 10000 or less."),
        )
    ),
    ({"total": "9.01"}, "total", "The items add up to 9.00."),
]


@pytest.mark.parametrize(("changes", "field", "sentence"), ORDERS)
def test_an_order_names_the_field_and_what_is_wrong(
    changes: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        OrderCreated.model_validate({**EXAMPLE, **changes})
    assert (field, sentence) in [
        (one.field, one.message) for one in problems_in(caught.value)
    ]


def test_of_many_problems_the_first_are_named_and_the_others_counted() -> None:
    many = {f"field{number}": 1 for number in range(MOST_PROBLEMS + 2)}
    found = said(OrderCreated.model_validate, {**EXAMPLE, **many})
    assert found[-1] == "And 2 more; correct these first."
    assert len(found) == MOST_PROBLEMS + 1


def test_every_sentence_is_tried_here() -> None:
    tried = {row[-1] for row in FIELDS} | {sentence for _, _, sentence in ORDERS}
    for sentence in errors._SENTENCES.values():
        words = re.sub(r"\\{\w+\\}", ".+", re.escape(sentence))
        assert any(re.fullmatch(words, one) for one in tried), sentence


@pytest.mark.parametrize(
    ("zone", "kept"),
    [
        ("+15:59", "+15:59"),
        ("-15:59", "-15:59"),
        ("+16:00", "+00:00"),
        ("-16:00", "+00:00"),
    ],
)
def test_a_time_is_kept_in_its_zone_where_a_database_takes_that(
    zone: str, kept: str
) -> None:
    text = f"2026-11-20T10:00:00{zone}"
    found = timestamps.checked(text)
    assert found == datetime.fromisoformat(text)
    assert found.isoformat()[-6:] == kept
