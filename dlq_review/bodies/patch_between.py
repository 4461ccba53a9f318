"""The JSON Patch that makes one body of another."""

from collections.abc import Iterator
from typing import Any

from dlq_review.bodies import exact_json
from dlq_review.bodies.exact_json import Leaf, Node
from dlq_review.bodies.pointers import pointer

Step = dict[str, str]


def steps_between(before: Node, after: Node) -> list[Step]:
    """The steps from *before* to *after*, both objects. Lists are replaced whole, unless
    they are equally long.
    """
    return list(_steps(before, after, ()))


def written(patch: list[Step]) -> str:
    """*patch*, as `json_patch.read` gives it, as a JSON document."""
    steps = []
    for step in patch:
        parts: dict[Any, Any] = {
            exact_json.Key.of(name): exact_json.of(text)
            for name, text in step.items()
            if name != "json"
        }
        if "json" in step:
            parts[exact_json.Key.of("value")] = exact_json.loads(step["json"])
        steps.append(exact_json.dumps(parts))
    return f"[{', '.join(steps)}]"


def _steps(before: Node, after: Node, names: tuple[str | int, ...]) -> Iterator[Step]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, names)
    elif (
        isinstance(before, list)
        and isinstance(after, list)
        and len(before) == len(after)
    ):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _steps(old, new, (*names, number))
    elif not _alike(before, after):
        yield _step("replace", names, after)


def _of_objects(
    before: dict[str, Any], after: dict[str, Any], names: tuple[str | int, ...]
) -> Iterator[Step]:
    for name in before:
        if name not in after:
            yield {"op": "remove", "path": pointer((*names, name))}
    for name, value in after.items():
        if name in before:
            yield from _steps(before[name], value, (*names, name))
        else:
            yield _step("add", (*names, name), value)


def _alike(one: Node, other: Node) -> bool:
    if isinstance(one, Leaf) and isinstance(other, Leaf):
        return one == other
    return type(one) is type(other) and exact_json.dumps(one) == exact_json.dumps(other)


def _step(op: str, names: tuple[str | int, ...], value: Node) -> Step:
    return {"op": op, "path": pointer(names), "json": exact_json.dumps(value)}
