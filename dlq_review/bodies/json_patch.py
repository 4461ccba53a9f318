"""One change for many bodies: a JSON Patch (RFC 6902).

Numbers keep their written form: 2.0 is another text than 2, although `test` compares by
value as the RFC requires. Fields that the patch does not name keep their text.
"""

import re
from functools import lru_cache
from typing import Any

from dlq_review.bodies import exact_json, formatting
from dlq_review.bodies.exact_json import Key, Node
from dlq_review.bodies.pointers import names_of, veiled
from dlq_review.errors import ReviewError
from processing.delivery.attempts import storable
from processing.events import strict_json
from processing.events.masking import mask_body
from processing.events.veil import Veil
from processing.sqs.topology import MAX_MESSAGE_BYTES

OPS = ("add", "replace", "remove", "move", "copy", "test", "absent", "compute")
"""`compute` is ours, for many bodies; bodies/patch_for_body.py makes a plain step of it."""
GUARDS = ("test", "absent")
"""They change nothing. `absent`, which is ours, says that there is nothing at a path."""
_PATH = re.compile(r"(/([^/~]|~[01])*+)++")
_PLACE = re.compile(r"0|[1-9][0-9]{0,8}")
_read_once = lru_cache(100)(exact_json.loads)  # asked in each place of a list


class PatchError(ReviewError):
    """The change cannot be made to this body."""


class OtherValueError(PatchError):
    """The body has another value than the change expects."""

    def __init__(self, path: str, value: str = "") -> None:
        self.path = path
        found = f": {value}" if value else "."
        super().__init__(
            f"{veiled(path)} has another value than the change expects{found}"
        )


def read(text: str) -> list[dict[str, str]]:
    """Read *text* as a JSON Patch, each value as text.

    Raises PatchError, which says what to correct.
    """
    try:
        patch = exact_json.loads(text)
    except strict_json.UnreadableJSONError as error:
        raise PatchError(str(error)) from None
    if not isinstance(patch, list) or not patch:
        raise PatchError("Write a list with at least one step.")
    return [_read_step(step) for step in patch]


def _read_step(step: Node) -> dict[str, str]:
    op = _text(step, "op")
    if not isinstance(step, dict) or op not in OPS:
        raise PatchError(f'Each step needs an "op", one of {", ".join(OPS)}.')
    found = {"op": op, "path": _read_path(step, op, "path")}
    if op in ("move", "copy"):
        found["from"] = _read_path(step, op, "from")
    if op in ("add", "replace", "test"):
        if "value" not in step:
            raise PatchError(f'Each {op} needs a "value".')
        found["json"] = exact_json.dumps(step["value"])
    return found


def _read_path(step: Node, op: str, name: str) -> str:
    return checked_path(_text(step, name), op, name)


def checked_path(path: str, op: str = "step", name: str = "path") -> str:
    """*path*, if a step may name it. Raises PatchError."""
    if not _PATH.fullmatch(path):
        raise PatchError(
            f'Each {op} needs a "{name}" such as "/data/email"; '
            "a ~ in a name is written ~0, and a / is written ~1."
        )
    if path != storable(path):
        raise PatchError(f'Leave control characters out of the "{name}" of {op}.')
    if path.count("/") > strict_json.MAX_DEPTH:
        raise PatchError(f"No body is nested more than {strict_json.MAX_DEPTH} levels.")
    return path


def _text(step: Node, name: str) -> str:
    leaf = step.get(name) if isinstance(step, dict) else None
    value = leaf.value if isinstance(leaf, exact_json.Leaf) else None
    return value if isinstance(value, str) else ""


def apply(patch: list[dict[str, Any]], body: str, *, masked: bool = False) -> str:
    """Apply the patch to *body* and return its text; *body* itself if nothing changes.

    If *masked*, the result reveals no more of *body* than the masked body does.
    """
    if not masked:
        return _apply(patch, body)
    try:
        seen = exact_json.loads(mask_body(body))
    except strict_json.UnreadableJSONError:
        return _apply(patch, body)  # which says why
    make_all(patch, seen)
    result = _apply([step for step in patch if step["op"] not in GUARDS], body)
    # Writing a guess over a hidden value would confirm the guess if nothing changes.
    if exact_json.loads(mask_body(result)) != seen:
        raise PatchError(
            "In this body, the change writes personal data. That needs the permission "
            "to see personal data."
        )
    return result


def _apply(patch: list[dict[str, Any]], body: str) -> str:
    try:
        before = exact_json.loads(body)
    except strict_json.UnreadableJSONError as error:
        masked = Veil(body)(str(error))  # it may name a key
        raise PatchError(f"The body cannot be read: {masked}") from None
    after = exact_json.copied(before)
    make_all(patch, after)
    return body if after == before else _written(after)


def make_all(patch: list[dict[str, Any]], document: Node) -> None:
    """Apply each step to *document*. Raises PatchError."""
    copied = 0
    for step in patch:
        try:
            copied += _make(step, document)
        except LookupError:
            sentence = f"There is nothing at {veiled(step['path'])} to {step['op']}."
            raise PatchError(sentence) from None
        except strict_json.UnreadableJSONError as error:
            raise PatchError(f"A value cannot be read: {error}") from None
        if copied > MAX_MESSAGE_BYTES:
            raise PatchError("The copies make the body larger than SQS takes.")


def _written(document: Node) -> str:
    text = exact_json.dumps(document)
    try:
        strict_json.loads(text)
    except strict_json.UnreadableJSONError as error:
        raise PatchError(f"The body could not be read afterwards: {error}") from None
    indented, cut = formatting.shown(text)
    return text if cut else indented


def _make(step: dict[str, Any], document: Node) -> int:
    """Apply one step; return how many characters it copied."""
    op, path = step["op"], step["path"]
    if op in GUARDS:
        if not holds(step, document):
            raise OtherValueError(path)
    elif op == "remove":
        _take(document, path)
    elif op == "move":
        _put(document, path, _take(document, step["from"]))
    elif op == "copy":
        text = exact_json.dumps(get(document, step["from"]))
        _put(document, path, exact_json.loads(text))
        return len(text)
    elif op == "compute":
        raise PatchError("Only an edit of many computes.")
    elif op == "replace":
        parent, key = _existing(document, path)
        parent[key] = _value(step)
    else:
        _put(document, path, _value(step))
    return 0


def _value(step: dict[str, Any]) -> Node:
    if "json" in step:
        read = _read_once if step["op"] == "test" else exact_json.loads
        return read(step["json"])
    return exact_json.of(step["value"])  # frozen by an earlier release


def get(document: Node, path: str) -> Node:
    """What is at *path*. Raises LookupError."""
    parent, key = _existing(document, path)
    found: Node = parent[key]
    return found


def holds(guard: dict[str, Any], document: Node) -> bool:
    """Whether *guard*, one of GUARDS, holds in *document*. Raises PatchError."""
    try:
        found = get(document, guard["path"])
    except LookupError:
        return bool(guard["op"] == "absent")
    return guard["op"] == "test" and exact_json.same_value(found, _value(guard))


def _parent(document: Any, path: str) -> tuple[Any, str]:
    *parents, last = names_of(path)
    for part in parents:
        document = document[_key(document, part)]
    if not isinstance(document, dict | list):
        raise LookupError(last)
    return document, last


def _existing(document: Node, path: str) -> tuple[Any, int | str]:
    parent, last = _parent(document, path)
    key = _key(parent, last)
    parent[key]  # raises LookupError
    return parent, key


def _take(document: Node, path: str) -> Node:
    parent, key = _existing(document, path)
    taken: Node = parent.pop(key)
    return taken


def _put(document: Node, path: str, value: Node) -> None:
    parent, last = _parent(document, path)
    if not isinstance(parent, list):
        parent[Key.of(last)] = value
        return
    index = len(parent) if last == "-" else _key(parent, last)
    if index > len(parent):
        raise LookupError(last)
    parent.insert(index, value)


def _key(parent: Any, part: str) -> Any:
    """Read *part* of a path as a key of *parent*: a name, or an index in a list."""
    if isinstance(parent, dict):
        return part
    if not isinstance(parent, list):
        raise LookupError(part)
    if part == "-":
        raise PatchError(
            "A - leads behind the end of a list; only add, move and copy may put something there."
        )
    if not _PLACE.fullmatch(part):
        raise PatchError(
            f"{part[:40]!a} is no place in a list: write 0 for the first, 1 for the second and so on."
        )
    return int(part)
