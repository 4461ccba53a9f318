import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlq_review.bodies import exact_json
from dlq_review.bodies.exact_json import Key, Leaf, same_value
from tests.growth import LINEAR, growth

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "text",
    [
        "1.10",
        "1e400",
        "-0",
        "0.1000000000000000055511151231257827",
        "1E+5",
        '{"b": 1.0, "a": [1e400, -0.0, {}, []], "\\u0061b": "\\u00e9\\ud83d\\/"}',
        "[]",
        "{}",
        "[true, false, null]",
    ],
)
def test_what_is_read_is_written_as_it_was(text: str) -> None:
    assert exact_json.dumps(exact_json.loads(text)) == text


@given(VALUES)
def test_any_document_is_the_same_after_it_was_read_and_written(value: object) -> None:
    text = json.dumps(value)
    assert exact_json.dumps(exact_json.loads(text)) == text


def test_a_member_is_found_by_its_name_however_that_is_written() -> None:
    node = exact_json.loads('{"\\u0061": 1}')
    assert isinstance(node, dict)
    assert node["a"] == Leaf("1")
    assert Key.of("\u00fc").text == '"\u00fc"'


@pytest.mark.parametrize(
    ("one", "other", "written", "valued"),
    [
        ("2.0", "2", False, True),
        ("1e2", "100", False, True),
        ("0", "-0", False, True),
        ("1", "true", False, False),
        ("0", "false", False, False),
        ("1", '"1"', False, False),
        ("null", "0", False, False),
        ('"\\u00e9"', '"\u00e9"', True, True),
        ("1e1000000000000000000000", "1e1000000000000000000000", True, True),
        ("1e1000000000000000000000", "1e1000000000000000000001", False, False),
        ("0.1", "0.1000000000000000055511151231257827", False, False),
        ('{"a": 1, "b": [2.0]}', '{"b": [2], "a": 1}', False, True),
        ("[1, 2]", "[1]", False, False),
        ('{"a": 1}', "[1]", False, False),
        ("[]", "{}", False, False),
    ],
)
def test_alike_as_written_and_alike_in_value_are_two_things(
    one: str, other: str, written: bool, valued: bool
) -> None:
    first, second = exact_json.loads(one), exact_json.loads(other)
    assert (first == second) is written
    assert same_value(first, second) is valued


def test_a_number_is_a_decimal_of_its_text() -> None:
    assert Leaf("1.10").value == Decimal("1.1")


@pytest.mark.parametrize(
    "unit", ["0,", "[],", '{"a":1},', '"\\"",', "9" * 4_000 + ",", "1e999999,"]
)
def test_reading_comparing_and_writing_grow_with_the_text(unit: str) -> None:
    texts = {
        size: "[" + (unit * (size // len(unit)))[:-1] + "]" for size in (20_000, 80_000)
    }

    def work(size: int) -> None:
        node = exact_json.loads(texts[size])
        assert same_value(node, exact_json.loads(exact_json.dumps(node)))

    assert growth(work, 20_000) < LINEAR
