"""A case for many bodies becomes a plain JSON Patch for each."""

import json
from typing import Any

import pytest

from dlq_review.bodies import patch_cases, patch_for_body
from dlq_review.bodies.json_patch import OtherValueError, PatchError
from dlq_review.bodies.patch_for_body import MOST_PLACES
from tests.builders import order_created
from tests.growth import LINEAR, growth

LIST = {"a": [{"b": 1}, {"b": 2, "c": 0}, {"b": 1}], "n": 0}
IS_1 = {"op": "test", "path": "/a/*/b", "value": 1}
IS_2 = {"op": "test", "path": "/a/*/b", "value": 2}


def changed(patch: object, body: object, *, masked: bool = False) -> Any:
    read = patch_cases.read(json.dumps(patch))
    return json.loads(patch_cases.apply(read, json.dumps(body), masked=masked))


def to(value: object, path: str = "/a/*/b") -> dict[str, object]:
    return {"op": "replace", "path": path, "value": value}


@pytest.mark.parametrize(
    ("patch", "after"),
    [
        ([IS_1, to(9)], {"a": [{"b": 9}, {"b": 2, "c": 0}, {"b": 9}], "n": 0}),
        (  # each place gets the first case that fits it, and no case sees another's result
            [[IS_1, to(2)], [IS_2, to(1)]],
            {"a": [{"b": 2}, {"b": 1, "c": 0}, {"b": 2}], "n": 0},
        ),
        (
            [IS_1, {"op": "remove", "path": "/a/*"}],
            {"a": [{"b": 2, "c": 0}], "n": 0},
        ),
        (
            [{"op": "absent", "path": "/a/*/c"}, {**to(5, "/a/*/c"), "op": "add"}],
            {"a": [{"b": 1, "c": 5}, {"b": 2, "c": 0}, {"b": 1, "c": 5}], "n": 0},
        ),
        (  # a step without * is made once
            [IS_1, to(9), {"op": "add", "path": "/a/-", "value": 7}],
            {"a": [{"b": 9}, {"b": 2, "c": 0}, {"b": 9}, 7], "n": 0},
        ),
        (  # and a guard without * is asked in each case
            [[{"op": "test", "path": "/n", "value": 1}, IS_1, to(8)], [IS_1, to(9)]],
            {"a": [{"b": 9}, {"b": 2, "c": 0}, {"b": 9}], "n": 0},
        ),
        (  # of the body as it was, also where the place is one of the list
            [{"op": "test", "path": "/a/0/b", "value": 1}, IS_1, to(9)],
            {"a": [{"b": 9}, {"b": 2, "c": 0}, {"b": 9}], "n": 0},
        ),
        ([IS_2, to(7, "/n")], LIST | {"n": 7}),  # and a * may be in a guard alone
        (
            [IS_2, {"op": "move", "from": "/a/*/c", "path": "/a/*/d"}],
            {"a": [{"b": 1}, {"b": 2, "d": 0}, {"b": 1}], "n": 0},
        ),
    ],
)
def test_a_star_stands_for_each_place_that_the_case_fits(
    patch: object, after: object
) -> None:
    assert changed(patch, LIST) == after


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"a": [{"b": 3}]}, "in every place of its list"),
        ({"a": []}, "in every place of its list"),
        ({"a": {"*": {"b": 1}}}, "no list there"),
        ({}, "nothing there"),
    ],
)
def test_a_body_without_such_a_place_has_another_value(body: object, why: str) -> None:
    with pytest.raises(OtherValueError, match=rf"/a/\*/b has another value .*: {why}"):
        changed([IS_1, to(9)], body)


def test_a_list_with_too_many_places_is_left_alone() -> None:
    body = {"a": [{"b": 1}] * (MOST_PLACES + 1)}
    with pytest.raises(PatchError, match="has 201 places, and at most 200"):
        changed([IS_1, to(9)], body)


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ([to(1, "/a/*/b/*")], "at most one *"),
        ([IS_1, to(1, "/c/*/b")], "one of that list"),
        ([[IS_1, to(1)], [to(1, "/n")]], "one of that list"),
        ([{"op": "compute"}], '"path"'),
        ([[IS_1, to(9)]] * 50 + [[IS_2, to(9)]], "at most 50 cases"),
        ([IS_1, *[to(9)] * 100], "at most 100 steps with a *"),
    ],
)
def test_a_patch_that_names_several_lists_is_refused(patch: object, why: str) -> None:
    with pytest.raises(PatchError) as refused:
        patch_cases.read(json.dumps(patch))
    assert why in str(refused.value)


COMPUTE = {"op": "compute", "path": "/data/total"}


def order(**data: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(order_created().body)
    found["data"] |= data
    return found


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("patch", "data", "total"),
    [
        ([COMPUTE], {"total": "1.00"}, "9.00"),
        ([COMPUTE], {"total": None}, "9.00"),
        ([COMPUTE], {}, "9.00"),
        ([to(5, "/data/items/0/quantity"), COMPUTE], {}, "22.50"),
        ([to(5, "/data/items/*/quantity"), COMPUTE], {}, "22.50"),
    ],
)
def test_a_computed_field_is_made_of_the_others_after_the_steps_before_it(
    patch: object, data: dict[str, object], total: str, masked: bool
) -> None:
    after = changed(patch, order(**data), masked=masked)
    assert after["data"]["total"] == total


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "patch", [[COMPUTE], [IS_1, to(9)], [[IS_1, to(9)], [IS_2, to(9)]], [to(9, "/n")]]
)
def test_of_a_body_that_cannot_be_read_it_is_said_that_it_cannot(
    patch: Any, masked: bool
) -> None:
    read = patch_cases.read(json.dumps(patch))
    with pytest.raises(PatchError, match="The body cannot be read: Not JSON"):
        patch_cases.apply(read, "no JSON", masked=masked)


def test_a_computed_field_of_a_hidden_body_that_cannot_be_read_is_still_asked_for() -> (
    None
):
    found = patch_for_body.without_compute([COMPUTE], "no JSON", masked=True)
    assert found == [COMPUTE]


def test_a_step_that_several_cases_share_is_made_once() -> None:
    last = {"op": "add", "path": "/a/-", "value": 7}
    after = changed([[IS_1, to(8), last], [IS_2, to(9), last]], LIST)
    assert after["a"] == [{"b": 8}, {"b": 9, "c": 0}, {"b": 8}, 7]


def test_a_case_that_fits_no_place_changes_nothing_beside_the_list() -> None:
    after = changed([[IS_1, to(8)], [{**IS_2, "value": 3}, to(7, "/n")]], LIST)
    assert after == {"a": [{"b": 8}, {"b": 2, "c": 0}, {"b": 8}], "n": 0}


def test_a_computed_field_that_was_left_out_stays_out() -> None:
    body = order()
    del body["data"]["total"]
    assert changed([COMPUTE], body) == body


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        ("/data/total", {"currency": "euros"}, "another field is wrong"),
        ("/data/order_id", {}, "/data/order_id is no field that the contract computes"),
        ("/data/Zoe Quill", {"Zoe Quill": 1}, "^/data/••• is no field that the"),
    ],
)
def test_what_cannot_be_computed_says_why(
    path: str, data: dict[str, object], why: str
) -> None:
    with pytest.raises(PatchError, match=why):
        changed([{"op": "compute", "path": path}], order(**data))


def test_steps_that_are_made_once_cost_no_more_in_a_long_list() -> None:
    body = json.dumps({"a": [{"b": 1}] * MOST_PLACES, "n": 0})

    def work(size: int) -> None:
        once = [{"op": "replace", "path": "/n", "json": str(at)} for at in range(size)]
        there = {"op": "replace", "path": "/a/*/b", "json": "9"}
        patch_cases.apply([there, *once], body)

    assert growth(work, 100) < LINEAR


def test_a_case_that_computes_does_not_fit_where_its_guard_is_wrong() -> None:
    """For who may not see personal data too: the next case is tried."""
    place = "/data/currency"
    guard = {"op": "test", "path": place, "value": "euros"}
    body = order(total="1.00")
    del body["data"]["currency"]
    first = [guard, to("EUR", place), COMPUTE]
    missing = {"op": "absent", "path": place}
    second = [missing, {**to("EUR", place), "op": "add"}, COMPUTE]
    for masked in (False, True):
        assert changed([first, second], body, masked=masked)["data"]["total"] == "9.00"


@pytest.mark.parametrize(
    ("path", "value", "step"),
    [
        ("/data/email", "ada@example.com", COMPUTE),
        ("/data/email", "ada@example.com", to(5, "/data/items/*/quantity")),
        ("/data/items/0/gift_for", "Grace", to(5, "/data/items/*/quantity")),
        ("/data/items/*/gift_for", "Grace", to(5, "/data/items/*/quantity")),
    ],
)
def test_nobody_asks_a_guard_to_learn_what_is_masked(
    path: str, value: str, step: dict[str, object]
) -> None:
    """A guard on a masked value is not asked of the real body."""
    patch = [{"op": "test", "path": path, "value": value}, step]
    body = order(total="1.00")
    if "gift_for" in path:
        body["data"]["items"][0]["gift_for"] = "Grace"
    with pytest.raises(OtherValueError):
        changed(patch, body, masked=True)


def test_a_guard_before_a_computed_field_is_asked_of_what_is_seen() -> None:
    guard = {"op": "test", "path": "/data/email", "value": "a…@example.com"}
    body = order(total="1.00")
    after = changed([guard, COMPUTE], body, masked=True)
    assert after == body | {"data": {**body["data"], "total": "9.00"}}
    with pytest.raises(OtherValueError):
        changed([guard, COMPUTE], body)
