"""Several changes of which a body gets the first that fits, and a change made by example.

A case is a JSON Patch whose first steps are `test`: it fits a body that has these values.
So many letters with different wrong values get each the right one, and a letter with
another value is left alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlq_review.bodies import exact_json, json_patch, patch_for_body
from dlq_review.bodies.exact_json import Leaf, Node
from dlq_review.bodies.json_patch import OtherValueError, PatchError
from dlq_review.bodies.patch_between import steps_between
from processing.events import strict_json
from processing.events.masking import mask_body

Step = Mapping[str, Any]
MOST_CASES = 50
MOST_STEPS = 100  # of a change that is made by example
_LONGEST = 80  # characters of a value in a sentence


def read(text: str) -> list[Any]:
    """Read *text*: a JSON Patch, or a list of such, one for each case. Raises PatchError."""
    try:
        found = exact_json.loads(text)
    except strict_json.UnreadableJSONError as error:
        raise PatchError(str(error)) from None
    if not isinstance(found, list) or not found or not isinstance(found[0], list):
        one = json_patch.read(text)
        patch_for_body.check([one])
        return list(one)
    if len(found) > MOST_CASES:
        raise PatchError(f"Write at most {MOST_CASES} cases.")
    several = [json_patch.read(exact_json.dumps(case)) for case in found]
    patch_for_body.check(several)
    return several


def cases(patch: Sequence[Any]) -> list[list[Any]]:
    """The cases of a stored *patch*; one, if it is a plain JSON Patch."""
    if patch and isinstance(patch[0], list):
        return [list(case) for case in patch]
    return [list(patch)]


def steps(patch: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """All steps of all cases."""
    for case in cases(patch):
        yield from case


def apply(patch: Sequence[Any], body: str, *, masked: bool = False) -> str:
    """Apply the first case that fits *body*, and return its text.

    Raises PatchError; an OtherValueError names the value that no case fits, as a page may
    show it.
    """
    refused: OtherValueError | None = None
    for case in patch_for_body.cases_for(cases(patch), body, masked=masked):
        try:
            plain = patch_for_body.without_compute(case, body, masked=masked)
            return json_patch.apply(plain, body, masked=masked)
        except OtherValueError as error:
            refused = error
    if refused is None:
        return body
    raise OtherValueError(refused.path, _value_at(refused.path, body))


def _value_at(path: str, body: str) -> str:
    """What *body* has at *path*, in words for a sentence."""
    try:
        found = json_patch.get(exact_json.loads(body), path)
    except (LookupError, PatchError):
        return "nothing there"
    try:
        shown = json_patch.get(exact_json.loads(mask_body(body)), path)
    except (LookupError, PatchError):
        return _HIDDEN
    if not isinstance(found, Leaf):
        return "a list" if isinstance(found, list) else "an object"
    return _text(found) if exact_json.same_value(found, shown) else _HIDDEN


_HIDDEN = "a value that is not shown, because it is personal or not plain"


def _text(leaf: Leaf) -> str:
    value = leaf.value
    return value[:_LONGEST] if isinstance(value, str) else str(leaf)[:_LONGEST]


def by_example(before: str, after: str) -> list[dict[str, Any]]:
    """The steps that make *after* of *before*, each value tested first; empty if there are none.

    Only letters with the same old values fit. Lists of the same length are compared place by
    place; others are replaced whole. Raises PatchError if one of them is no JSON, or if too
    much differs.
    """
    try:
        one, other = exact_json.loads(before), exact_json.loads(after)
    except strict_json.UnreadableJSONError as error:
        raise PatchError(str(error)) from None
    if not isinstance(one, dict) or not isinstance(other, dict):
        raise PatchError("The whole body differs.")
    changes = steps_between(one, other)
    if len(changes) > MOST_STEPS:
        raise PatchError("Too much differs to make the same change in others.")
    return [*(_guard(step, one) for step in changes), *changes]


def _guard(step: Step, before: Node) -> dict[str, Any]:
    """The step that holds only where *before* has the same as there."""
    path = step["path"]
    if step["op"] == "add":
        return {"op": "absent", "path": path}
    return {
        "op": "test",
        "path": path,
        "json": exact_json.dumps(json_patch.get(before, path)),
    }
