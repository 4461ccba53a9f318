"""What changed in a body, at a bounded cost."""

import difflib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlq_review.bodies import difference, formatting
from dlq_review.bodies.difference import Line, diff
from tests.growth import LINEAR, growth

LINES = st.lists(st.sampled_from("abc"), max_size=12)


@given(LINES, LINES)
def test_the_changes_lead_from_one_to_the_other(old: list[str], new: list[str]) -> None:
    changes = difference._changes(old, new)
    assert [text for kind, text in changes if kind != "add"] == old
    assert [text for kind, text in changes if kind != "del"] == new


@given(LINES, LINES)
def test_no_fewer_changes_would_do(old: list[str], new: list[str]) -> None:
    kept = sum(kind == "same" for kind, _ in difference._changes(old, new))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    assert kept >= sum(block.size for block in matcher.get_matching_blocks())


def test_two_changes_far_apart_are_shown_with_what_stands_around_them() -> None:
    items = [{"sku": f"S-{number}", "price": "1.10"} for number in range(100)]
    before = json.dumps({"items": items})
    after = before.replace('"S-3"', '"T-3"').replace('"S-90"', '"T-90"')
    assert [(line.kind, line.text.strip()) for line in diff(before, after)] == [
        ("hunk", "@@ line 14 @@"),
        ("same", "},"),
        ("same", "{"),
        ("del", '-      "sku": "S-3",'),
        ("add", '+      "sku": "T-3",'),
        ("same", '"price": "1.10"'),
        ("same", "},"),
        ("hunk", "@@ line 362 @@"),
        ("same", "},"),
        ("same", "{"),
        ("del", '-      "sku": "S-90",'),
        ("add", '+      "sku": "T-90",'),
        ("same", '"price": "1.10"'),
        ("same", "},"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [("2.0", "2"), ("true", "1"), ("0", "false"), ("1.10", "1.1"), ("1e400", "1e401")],
)
def test_a_number_written_otherwise_is_a_change(before: str, after: str) -> None:
    lines = diff(f'{{"a": {before}}}', f'{{"a": {after}}}')
    assert Line("del", f'-  "a": {before}') in lines
    assert Line("add", f'+  "a": {after}') in lines


def test_spacing_alone_is_no_change() -> None:
    assert diff('{"a":1}', '{ "a" :\n1 }') == []


def _lists(number: int) -> tuple[str, str]:
    """Two lists of a few numbers over and over, which difflib takes minutes for."""
    one = [number * number % 7 for number in range(number)]
    return json.dumps(one), json.dumps([part + 3 for part in one[::-1]])


@pytest.mark.parametrize(
    "make",
    [
        _lists,
        lambda n: (json.dumps([0] * n), json.dumps([1] * n)),
        lambda n: (json.dumps([0, 1] * (n // 2)), json.dumps([1, 0, 0] * (n // 3))),
        lambda n: (json.dumps(list(range(n))), json.dumps(list(range(n, 0, -1)))),
        lambda n: ("\n" * n, "\n".join("ab" * (n // 2))),
        lambda n: ("x" * n, "y" * n),
        lambda n: ("[" * 31 + "0," * n + "0" + "]" * 31, "[" * 31 + "1" + "]" * 31),
    ],
)
def test_comparing_costs_as_much_more_as_the_bodies_are_longer(
    make: Callable[[int], tuple[str, str]],
) -> None:
    bodies = {size: make(size) for size in (4_000, 16_000)}
    assert growth(lambda size: diff(*bodies[size]), 4_000) < LINEAR
    shown = sum(len(line.text) for line in diff(*bodies[16_000]))
    assert shown <= 2 * formatting.LONGEST_SHOWN


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("abcdefgh", "xabcdefyh", [1, 5]),  # one more line above
        ("xabcdefgh", "abcdefyh", [1, 6]),  # one line less above
        ("abcdefghi", "abcdefghx", [7]),
        ("a", "b", [1]),
    ],
)
def test_each_part_says_where_it_begins_in_the_text_before(
    before: str, after: str, lines: list[int]
) -> None:
    found = diff("\n".join(before), "\n".join(after))
    hunks = [line.text for line in found if line.kind == "hunk"]
    assert hunks == [f"@@ line {number} @@" for number in lines]


LONGEST = formatting.LONGEST_SHOWN


@pytest.mark.parametrize("more", [0, 1])
def test_of_texts_that_are_too_long_it_is_said_and_nobody_looks_at_them(
    more: int,
) -> None:
    asked = []

    def look(before: str, after: str) -> tuple[str, str]:
        asked.append((before, after))
        return "old", "new"

    for texts in (("x" * (LONGEST + more), "y"), ("y", "x" * (LONGEST + more))):
        found = diff(*texts, look)
        if more:
            said = "Too long to compare here; download both."
            assert (found, asked) == ([Line("hunk", said)], [])
        else:
            assert asked.pop() == texts
            assert [one.text for one in found][1:] == ["-old", "+new"]


def test_more_changes_than_a_page_shows_end_with_a_sentence() -> None:
    before = json.dumps(["a" * 10_000] * 4)
    after = json.dumps(["b" * 10_000] * 4)
    *shown, last = diff(before, after)
    assert last == Line("hunk", "More changed than is shown here; download both.")
    assert 0 < sum(len(one.text) for one in shown) <= LONGEST
    assert {one.kind for one in shown[2:]} == {"del", "add"}


def test_texts_with_nothing_in_common_are_removed_and_then_added() -> None:
    old, new = ([f"{name}{n}" for n in range(500)] for name in "ab")
    changes = difference._changes(["x", *old, "y"], ["x", *new, "y"])
    kinds = [kind for kind, _ in changes]
    assert kinds == ["same", *["del"] * 500, *["add"] * 500, "same"]
