"""One change for many bodies: JSON Patch (RFC 6902) over what a body says."""

import json
from typing import Any

from dlq_review import pretty
from dlq_review.transitions import ReviewError
from processing import strict_json

OPS = ("add", "replace", "remove", "move", "copy", "test")


class PatchError(ReviewError):
    """The change cannot be made to this body."""


def read(text: str) -> list[dict[str, Any]]:
    """The JSON Patch that *text* is. Raises PatchError, which says what to correct."""
    try:
        patch = strict_json.loads(text)
    except strict_json.UnreadableJSONError as error:
        raise PatchError(str(error)) from None
    if not isinstance(patch, list) or not patch:
        raise PatchError("Write a list of at least one operation.")
    for step in patch:
        if not isinstance(step, dict) or step.get("op") not in OPS:
            raise PatchError(f'Each step needs an "op", one of {", ".join(OPS)}.')
        names = ["path"] + (["from"] if step["op"] in ("move", "copy") else [])
        for name in names:
            if not isinstance(step.get(name), str) or not step[name].startswith("/"):
                raise PatchError(
                    f'Each {step["op"]} needs a "{name}" such as "/data/email".'
                )
        if step["op"] in ("add", "replace", "test") and "value" not in step:
            raise PatchError(f'Each {step["op"]} needs a "value".')
    return patch


def apply(patch: list[dict[str, Any]], body: str) -> str:
    """*body* with the change made, as text; itself where nothing changes."""
    try:
        before = strict_json.loads(body)
    except strict_json.UnreadableJSONError as error:
        raise PatchError(f"The body cannot be read: {error}") from None
    after = json.loads(json.dumps(before))
    for step in patch:
        try:
            after = _make(step, after)
        except (LookupError, TypeError, ValueError) as error:
            if isinstance(error, PatchError):
                raise
            where = step["path"]
            raise PatchError(f"There is nothing at {where} to {step['op']}.") from None
    return (
        body
        if after == before
        else pretty.pretty(json.dumps(after, ensure_ascii=False))
    )


def _make(step: dict[str, Any], document: Any) -> Any:
    op, path = step["op"], step["path"]
    if op == "test":
        if _get(document, path) != step["value"]:
            raise PatchError(f"{path} is not what the change expects.")
    elif op == "remove":
        _take(document, path)
    elif op == "move":
        _put(document, path, _take(document, step["from"]))
    elif op == "copy":
        _put(document, path, json.loads(json.dumps(_get(document, step["from"]))))
    elif op == "replace":
        _get(document, path)
        parent, last = _parent(document, path)
        parent[_key(parent, last)] = step["value"]
    else:
        _put(document, path, step["value"])
    return document


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _get(document: Any, path: str) -> Any:
    for part in _parts(path):
        document = document[_key(document, part)]
    return document


def _parent(document: Any, path: str) -> tuple[Any, str]:
    *parents, last = _parts(path)
    for part in parents:
        document = document[_key(document, part)]
    if not isinstance(document, dict | list):
        raise LookupError(last)
    return document, last


def _take(document: Any, path: str) -> Any:
    parent, last = _parent(document, path)
    return parent.pop(_key(parent, last))


def _put(document: Any, path: str, value: Any) -> None:
    parent, last = _parent(document, path)
    if isinstance(parent, list):
        place = len(parent) if last == "-" else _key(parent, last, longest=len(parent))
        parent.insert(int(place), value)
    else:
        parent[last] = value


def _key(parent: Any, part: str, longest: int | None = None) -> int | str:
    if not isinstance(parent, list):
        return part
    place = int(part)
    most = len(parent) - 1 if longest is None else longest
    if not part.isdecimal() or place > most:
        raise LookupError(part)
    return place
