"""How a condition is read, and how one is written that finds what stands at a place."""

import json

import pytest

from dlq_review.bodies.field_conditions import (
    Condition,
    FieldError,
    holds,
    path,
    text_of,
)


@pytest.mark.parametrize(
    ("text", "op", "value", "opposite", "around"),
    [
        ("@release=r1", "=", "r1", False, True),
        ("@release!=r1", "=", "r1", True, True),
        ("@release~r", "~", "r", False, True),
        ("@release", "", "", False, True),
        ("!@release", "", "", True, True),
        ("data.a!=1", "=", "1", True, False),
        ("data.a >= 1 ", ">=", "1", False, False),
        ("data.a=", "=", "", False, False),
        ('data.a=""', "=", "", False, False),
        ('data.a="', "=", '"', False, False),
        ('data.a=" x "', "=", " x ", False, False),
        ("data.a=x\ny", "=", "x\ny", False, False),
    ],
)
def test_a_condition_says_what_is_compared_and_how(
    text: str, op: str, value: str, opposite: bool, around: bool
) -> None:
    one = Condition.read(text)
    assert (one.op, one.value, one.opposite, one.around) == (
        (op, value, opposite, around)
    )


def test_a_sentence_about_a_long_condition_quotes_its_beginning() -> None:
    with pytest.raises(FieldError) as refused:
        Condition.read("a" * 200 + " " + "b" * 200)
    assert str(refused.value).startswith(f"{' ' + 'b' * 39!r} in {'a' * 80!r} is not")
    with pytest.raises(FieldError) as refused:
        Condition.read("1" * 200)
    assert str(refused.value).startswith(f"{'1' * 40!r} does not begin with a path")
    with pytest.raises(FieldError) as refused:
        Condition.read("a" * 200 + ">")
    assert str(refused.value) == f"A value is missing after > in {'a' * 80!r}."


PATHS: dict[tuple[str | None, ...], str] = {
    ("data", "currency"): "data.currency",
    ("data", "items", None, "sku"): "data.items[*].sku",
    ("data", "total-net"): "data.total-net",
    ("data", "a name"): 'data["a name"]',
    ("a name", "b"): '["a name"].b',
    (None, "a"): "[*].a",
    ("Größe",): "Größe",
    ("9x",): '["9x"]',
    ("a.b",): '["a.b"]',
}


@pytest.mark.parametrize("steps", PATHS)
def test_a_path_is_written_as_a_condition_reads_it(
    steps: tuple[str | None, ...],
) -> None:
    written = path(steps)
    assert written == PATHS[steps]
    read = Condition.read(written).steps
    assert [one for one in read if isinstance(one, str)] == [
        one for one in steps if one is not None
    ]
    assert len(read) == len(steps)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("EUR", "EUR"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ([], None),
        ({}, None),
        ("", ""),
    ],
)
def test_a_value_is_found_by_the_text_that_is_written_of_it(
    value: object, text: str | None
) -> None:
    assert text_of(value) == text
    if text is not None:
        assert Condition.read(f"data.a={text}").holds({"data": {"a": value}})


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("@release=r1", "data.a=1"), True),
        (("@release=r2", "data.a=1"), False),
        (("@release=r1", "data.a=2"), False),
        (("data.a=1", "data.b=2"), False),
        (("@release=r1",), True),
        ((), True),
    ],
)
def test_all_conditions_hold_around_a_body_and_in_it(
    texts: tuple[str, ...], found: bool
) -> None:
    asked = [Condition.read(text) for text in texts]
    body = json.dumps({"data": {"a": 1}})
    assert holds(asked, body, {"release": "r1"}) is found
    on_body = any(not one.around for one in asked)
    assert holds(asked, "no JSON", {"release": "r1"}) is (found and not on_body)
    assert holds(asked, body) is (found and not any(one.around for one in asked))
