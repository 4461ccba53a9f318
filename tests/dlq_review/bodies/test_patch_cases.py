"""A change made by example, and the case that fits a body."""

import json
from typing import Any

import pytest

from dlq_review.bodies import patch_cases
from dlq_review.bodies.json_patch import OtherValueError, PatchError
from tests.builders import order_created, order_data
from tests.growth import LINEAR, growth


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        (
            '{"a": "x"}',
            '{"a": "y"}',
            [("test", "/a", '"x"'), ("replace", "/a", '"y"')],
        ),
        ('{"a": 1}', "{}", [("test", "/a", "1"), ("remove", "/a", None)]),
        ("{}", '{"b": 2.0}', [("absent", "/b", None), ("add", "/b", "2.0")]),
        (
            '{"l": [1, {"s~/": 2}]}',
            '{"l": [1, {"s~/": 3}]}',
            [("test", "/l/1/s~0~1", "2"), ("replace", "/l/1/s~0~1", "3")],
        ),
        (
            '{"l": [1]}',
            '{"l": [1, 2]}',
            [("test", "/l", "[1]"), ("replace", "/l", "[1, 2]")],
        ),
        ('{"a": 1,  "b": 2}', '{"b": 2, "a": 1}', []),
    ],
)
def test_an_edit_becomes_the_smallest_change_with_its_old_values_tested(
    before: str, after: str, steps: list[tuple[str, str, str | None]]
) -> None:
    found = patch_cases.by_example(before, after)
    assert [(one["op"], one["path"], one.get("json")) for one in found] == steps
    if steps:
        assert json.loads(patch_cases.apply(found, before)) == json.loads(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("no JSON", "{}"),
        ("{}", "no JSON"),
        ("[]", "{}"),
        ("{}", json.dumps({str(n): n for n in range(101)})),
    ],
)
def test_what_is_no_example_says_so(before: str, after: str) -> None:
    with pytest.raises(PatchError):
        patch_cases.by_example(before, after)


CASES = [
    [
        {"op": "test", "path": "/data/currency", "value": wrong},
        {"op": "replace", "path": "/data/currency", "value": right},
    ]
    for wrong, right in (("euros", "EUR"), ("pounds", "GBP"))
]


def order(**data: Any) -> str:
    return json.dumps({"type": "order_created", "data": {**order_data(), **data}})


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("was", "now"), [("euros", "EUR"), ("pounds", "GBP")])
def test_a_body_gets_the_case_that_fits(was: str, now: str, masked: bool) -> None:
    patch = patch_cases.read(json.dumps(CASES))
    after = patch_cases.apply(patch, order(currency=was), masked=masked)
    assert json.loads(after)["data"]["currency"] == now


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("data", "path", "said"),
    [
        ({"currency": "yen"}, "/data/currency", "expects: yen"),
        ({"currency": ["EUR"]}, "/data/currency", "a list"),
        ({"currency": "Zquill €"}, "/data/currency", "not shown"),
        ({"note": "Zquill"}, "/data/note", "not shown"),
        ({"currency": {}}, "/data/currency", "an object"),
        ({"total": 7}, "/data/total", "expects: 7$"),
        ({}, "/data/note", "nothing there"),
        ({}, "/data/Zquill of Bonn", "nothing there"),
    ],
)
def test_what_no_case_fits_is_named_as_a_page_may_show_it(
    data: dict[str, Any], path: str, said: str, masked: bool
) -> None:
    patch = [[{"op": "test", "path": path, "value": "x"}]]
    with pytest.raises(OtherValueError, match=said) as caught:
        patch_cases.apply(patch, order(**data), masked=masked)
    assert "Zquill" not in str(caught.value)


def test_a_name_of_a_sender_is_no_part_of_a_sentence() -> None:
    patch = [{"op": "remove", "path": "/data/items/0/ada@example.com"}]
    with pytest.raises(PatchError, match="nothing at /data/items/0/") as caught:
        patch_cases.apply(patch, order())
    assert "example.com" not in str(caught.value)


def test_a_field_that_must_be_absent_is_not_overwritten() -> None:
    patch = [
        {"op": "absent", "path": "/data/note"},
        {"op": "add", "path": "/data/note", "value": 1},
    ]
    assert '"note": 1' in patch_cases.apply(patch, order())
    with pytest.raises(OtherValueError):
        patch_cases.apply(patch, order(note=2))


def test_each_case_names_the_list_of_the_others() -> None:
    steps = [[{"op": "remove", "path": f"/data/{name}/*"}] for name in ("a", "b")]
    with pytest.raises(PatchError, match="one of that list"):
        patch_cases.read(json.dumps(steps))


def test_too_many_cases_are_refused() -> None:
    with pytest.raises(PatchError, match="at most 50"):
        patch_cases.read(json.dumps(CASES * 26))


def test_an_example_costs_in_proportion_to_the_body() -> None:
    def compare(size: int) -> object:
        before = json.dumps({"l": list(range(size)), "x": 1})
        return patch_cases.by_example(before, before.replace('"x": 1', '"x": 2'))

    assert growth(compare, 2_000) < LINEAR
    assert patch_cases.by_example(order_created().body, order_created().body)
