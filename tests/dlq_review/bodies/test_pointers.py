"""Where the parts of a body stand, and the patch between two bodies."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlq_review.bodies import exact_json, formatting, json_patch
from dlq_review.bodies.patch_between import steps_between, written
from dlq_review.bodies.pointers import around, lines_of, names_of, pointer, veiled

NAMES = st.text("ab/~1", min_size=1, max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=12,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=4)


LINES = {
    "": 1,
    "/a~1b": 2,
    "/a~1b/0": 3,
    "/a~1b/1": 4,
    "/a~1b/1/c": 5,
    "/d": 8,
    "/\u00e9": 9,
}
TEXT = formatting.pretty('{"a/b": [1, {"c": "{,"}], "d": {}, "\\u00e9": [[], 0]}')


def test_each_part_is_found_on_its_line_with_those_around_it() -> None:
    for path, line in LINES.items():
        found = lines_of(TEXT, [path])
        assert found == {one: LINES[one] for one in around(path)}, path
        assert found[path] == line
    assert lines_of(TEXT, LINES) == LINES


def test_a_part_that_is_not_there_is_left_out() -> None:
    missing = ["/none", "/d/0", "/a~1b/2", "/a~1b/1/c/d", "/0"]
    assert lines_of(TEXT, missing) == {
        "": 1,
        "/d": 8,
        "/a~1b": 2,
        "/a~1b/1": 4,
        "/a~1b/1/c": 5,
    }


@pytest.mark.parametrize(
    ("path", "outwards"), [("", [""]), ("/a/b", ["/a/b", "/a", ""])]
)
def test_what_holds_a_part_is_named_from_the_inside(
    path: str, outwards: list[str]
) -> None:
    assert list(around(path)) == outwards


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/data/items/0/sku", "/data/items/0/sku"),
        ("/data/items/*/sku", "/data/items/*/sku"),
        ("/data/items/-", "/data/items/-"),
        ("/data/\u0665", "/data/•••"),
        ("/data/Zoe Quill/x", "/data/•••/x"),
        ("", ""),
    ],
)
def test_a_path_is_shown_without_the_names_of_strangers(path: str, shown: str) -> None:
    assert veiled(path) == shown


@given(st.lists(NAMES))
def test_a_pointer_names_any_names(names: list[str]) -> None:
    assert names_of(pointer(names)) == tuple(names)


@given(BODIES, BODIES)
def test_the_patch_between_two_bodies_makes_one_of_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    first, second = json.dumps(before), json.dumps(after)
    steps = steps_between(exact_json.loads(first), exact_json.loads(second))
    read = json_patch.read(written(steps)) if steps else []
    assert json.loads(json_patch.apply(read, first)) == after
    assert bool(steps) == (exact_json.loads(first) != exact_json.loads(second))
