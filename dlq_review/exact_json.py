"""JSON as it was written: whoever changes a part of it leaves the text of the rest alone.

`json.loads` and `json.dumps` would make 1.1 of 1.10, Infinity of 1e400, and another number
of a long one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from processing import strict_json


class Key(str):
    """The name of a member: it equals the plain name, and keeps how it was written."""

    __slots__ = ("text",)
    text: str

    @classmethod
    def read(cls, text: str) -> Self:
        key = cls(json.loads(text))
        key.text = text
        return key

    @classmethod
    def of(cls, name: str) -> Self:
        """The name of a member that is new."""
        return cls.read(json.dumps(name, ensure_ascii=False))


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A string, a number, true, false or null."""

    text: str

    @property
    def value(self) -> Any:
        """What it stands for; of a number, its text as a Decimal where it has one."""
        if self.text[0] not in "-0123456789":
            return json.loads(self.text)
        try:
            return Decimal(self.text)
        except InvalidOperation:  # an exponent beyond all bounds
            return self

    def __eq__(self, other: object) -> bool:
        """Alike as written: 2.0 is not 2. Strings are alike however they are escaped."""
        if not isinstance(other, Leaf):
            return False
        strings = self.text[0] == other.text[0] == '"'
        return self.text == other.text or (strings and self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


Node = dict[str, Any] | list[Any] | Leaf
"""An object (its names are Key), a list, or a leaf; what these hold are Nodes again."""


def loads(text: str) -> Node:
    """The document that *text* is. Raises UnreadableJSONError."""
    strict_json.loads(text)
    tokens = strict_json.tokens(text)
    return _node(next(tokens), tokens)


def dumps(node: Node) -> str:
    """The text of *node*, on one line; what was read is written as it was."""
    return "".join(_pieces(node))


def same_value(one: Node, other: Node) -> bool:
    """Whether both stand for the same: numbers by their value, as RFC 6902 compares."""
    if isinstance(one, Leaf) and isinstance(other, Leaf):
        first, second = one.value, other.value
        return one == other or (type(first) is type(second) and first == second)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same_value(one[name], other[name]) for name in one
        )
    return False


def _node(token: str, tokens: Iterator[str]) -> Node:
    if token == "{":
        return dict(_members(tokens))
    if token == "[":
        return list(_elements(tokens))
    return Leaf(token)


def _members(tokens: Iterator[str]) -> Iterator[tuple[Key, Node]]:
    while (token := next(tokens)) != "}":
        if token != ",":
            next(tokens)  # the colon
            yield Key.read(token), _node(next(tokens), tokens)


def _elements(tokens: Iterator[str]) -> Iterator[Node]:
    while (token := next(tokens)) != "]":
        if token != ",":
            yield _node(token, tokens)


def _pieces(node: Node) -> Iterator[str]:
    if isinstance(node, Leaf):
        yield node.text
        return
    opening, closing = "{}" if isinstance(node, dict) else "[]"
    yield opening
    for number, part in enumerate(node):
        if number:
            yield ", "
        if isinstance(node, dict):
            yield f"{part.text}: "
        yield from _pieces(node[part] if isinstance(node, dict) else part)
    yield closing
