"""A patch that is refused is told what to correct."""

import json
from typing import Any

import pytest

from dlq_review.bodies import json_patch
from processing.sqs.topology import MAX_MESSAGE_BYTES

BODY = '{"a": 1, "b": [1, 2], "deep": {"c": {"d": 1}}}'


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"op": "remove", "path": "/x"}, "There is nothing at /x to remove."),
        ({"op": "remove", "path": "/b/2"}, "There is nothing at /b/2 to remove."),
        ({"op": "replace", "path": "/x", "json": "1"}, "nothing at /x to replace."),
        ({"op": "add", "path": "/b/3", "json": "1"}, "nothing at /b/3 to add."),
        ({"op": "add", "path": "/a/x", "json": "1"}, "nothing at /a/x to add."),
        ({"op": "copy", "path": "/y", "from": "/x"}, "nothing at /y to copy."),
        ({"op": "test", "path": "/a", "json": "2"}, "/a has another value than"),
        ({"op": "remove", "path": "/b/-"}, "A - leads behind the end of a list; only"),
        ({"op": "remove", "path": "/b/01"}, "'01' is no place in a list: write 0 for"),
        ({"op": "add", "path": "/c", "json": "{"}, "A value cannot be read: "),
    ],
)
def test_a_step_that_does_not_fit_is_named(step: dict[str, Any], sentence: str) -> None:
    with pytest.raises(json_patch.PatchError) as refused:
        json_patch.apply([step], BODY)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_step_may_put_something_at_each_place_of_a_list_and_behind_it(
    place: int,
) -> None:
    patch = json_patch.read(
        json.dumps([{"op": "add", "path": f"/b/{place}", "value": 9}])
    )
    expected = [1, 2]
    expected.insert(place, 9)
    assert json.loads(json_patch.apply(patch, BODY))["b"] == expected


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        ("[", "JSON"),
        ("{}", "Write a list with at least one step."),
        ("[]", "Write a list with at least one step."),
        ("[1]", 'Each step needs an "op", one of '),
        ('[{"op": "launch", "path": "/a"}]', 'needs an "op", one of '),
        ('[{"op": "add", "path": "/a"}]', 'Each add needs a "value".'),
        ('[{"op": "test", "path": "/a"}]', 'Each test needs a "value".'),
        ('[{"op": "replace", "path": "/a"}]', 'Each replace needs a "value".'),
        ('[{"op": "move", "path": "/a"}]', 'Each move needs a "from" such as'),
        ('[{"op": "copy", "path": "/a"}]', 'Each copy needs a "from" such as'),
        ('[{"op": "remove"}]', 'Each remove needs a "path" such as "/data/email"; a ~'),
        ('[{"op": "remove", "path": "/\\u0000"}]', 'characters out of the "path" of'),
        (
            '[{"op": "remove", "path": "' + "/a" * 33 + '"}]',
            "No body is nested more than 32 levels.",
        ),
    ],
)
def test_what_is_missing_in_a_patch_is_named(patch: str, sentence: str) -> None:
    with pytest.raises(json_patch.PatchError) as refused:
        json_patch.read(patch)
    assert sentence in str(refused.value)


def test_a_path_of_the_greatest_depth_is_taken() -> None:
    text = json.dumps([{"op": "remove", "path": "/a" * 32}])
    assert json_patch.read(text) == [{"op": "remove", "path": "/a" * 32}]


@pytest.mark.parametrize(
    "body", ['{"ada@example.com": ', '{"ada@example.com": 1, "ada@example.com": 2}']
)
def test_a_body_that_cannot_be_read_is_told_without_its_texts(body: str) -> None:
    with pytest.raises(json_patch.PatchError) as refused:
        json_patch.apply([{"op": "remove", "path": "/a"}], body)
    assert str(refused.value).startswith("The body cannot be read: ")
    assert "ada@" not in str(refused.value)


@pytest.mark.parametrize("times", [1, 2])
def test_copies_that_make_a_body_longer_than_a_message_are_refused(times: int) -> None:
    body = json.dumps({"a": "x" * (MAX_MESSAGE_BYTES // 2 + 1)})
    patch = [{"op": "copy", "from": "/a", "path": f"/{n}"} for n in range(times)]
    if times == 1:
        assert len(json_patch.apply(patch, body)) > 2 * (MAX_MESSAGE_BYTES // 2)
        return
    with pytest.raises(json_patch.PatchError, match="larger than SQS takes"):
        json_patch.apply(patch, body)


@pytest.mark.parametrize(
    "steps",
    [
        [
            {"op": "copy", "from": "/deep", "path": "/e"},
            {"op": "replace", "path": "/e/c/d", "json": "2"},
        ],
        [
            {"op": "add", "path": "/e", "json": '{"c": {"d": 1}}'},
            {"op": "replace", "path": "/e/c/d", "json": "2"},
        ],
    ],
)
def test_what_is_put_somewhere_is_a_value_of_its_own(
    steps: list[dict[str, str]],
) -> None:
    for of_next, d in ((steps, 2), (steps[:1], 1)):
        after = json.loads(json_patch.apply(of_next, BODY))
        assert (after["e"], after["deep"]) == ({"c": {"d": d}}, {"c": {"d": 1}})


@pytest.mark.parametrize(("levels", "refused"), [(31, False), (32, True)])
def test_a_value_makes_no_body_that_nobody_could_read(
    levels: int, refused: bool
) -> None:
    deep = {"op": "add", "path": "/e", "json": "[" * levels + "]" * levels}
    if not refused:
        assert json.loads(json_patch.apply([deep], BODY))["a"] == 1
        return
    with pytest.raises(json_patch.PatchError, match="could not be read afterwards: "):
        json_patch.apply([deep], BODY)


@pytest.mark.parametrize("length", [100, 70_000])
def test_a_changed_body_is_indented_unless_that_makes_it_too_long(length: int) -> None:
    body = json.dumps({"a": 1, "x": "x" * length})
    after = json_patch.apply([{"op": "replace", "path": "/a", "json": "2"}], body)
    assert json.loads(after) == {**json.loads(body), "a": 2}
    assert after.startswith('{\n  "a": 2,' if length == 100 else '{"a": 2, ')


GUESS = [
    {"op": "test", "path": "/data/email", "json": '"ada@example.com"'},
    {"op": "replace", "path": "/data/currency", "json": '"EUR"'},
]


@pytest.mark.parametrize("guessed", ["ada@example.com", "a…@example.com"])
def test_a_guard_is_asked_of_what_the_person_may_see(guessed: str) -> None:
    data = {"email": "ada@example.com", "currency": "X"}
    body = json.dumps({"type": "order_created", "data": data})
    steps = [GUESS[0] | {"json": json.dumps(guessed)}, GUESS[1]]
    for masked in (True, False):
        right = (guessed == data["email"]) is not masked
        if right:
            after = json.loads(json_patch.apply(steps, body, masked=masked))["data"]
            assert after == {**data, "currency": "EUR"}
            continue
        with pytest.raises(json_patch.OtherValueError):
            json_patch.apply(steps, body, masked=masked)
