"""JSON that keeps its text: a change of one part leaves the text of the others as it was.

`json.loads` and `json.dumps` would make 1.1 of 1.10, Infinity of 1e400, and another number
of a long one.
"""

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from processing.events import strict_json


class Key(str):
    """The name of a member. It equals the plain name, and keeps its written form."""

    __slots__ = ("text",)
    text: str

    @classmethod
    def read(cls, text: str) -> Self:
        key = cls(json.loads(text) if "\\" in text else text[1:-1])
        key.text = text
        return key

    @classmethod
    def of(cls, name: str) -> Self:
        """The name of a member that is new."""
        return cls.read(json.dumps(name, ensure_ascii=False))


class Leaf(str):
    """A string, a number, true, false or null, as it was written."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """The value of this leaf; a number is a Decimal if one can hold it."""
        if self[0] not in "-0123456789":
            return json.loads(self)
        try:
            return Decimal(self)
        except InvalidOperation:  # an exponent beyond all bounds
            return self

    def __eq__(self, other: object) -> bool:
        """Alike as written: 2.0 is not 2. Strings are alike however they are escaped."""
        if not isinstance(other, Leaf):
            return False
        strings = self[0] == other[0] == '"'
        return str.__eq__(self, other) or (strings and self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


Node = dict[str, Any] | list[Any] | Leaf
"""An object (its names are Key), a list, or a leaf; what these hold are Nodes again."""


def loads(text: str) -> Node:
    """Read *text* as a document. Raises UnreadableJSONError."""
    strict_json.loads(text)
    reader = _Reader(strict_json.tokens(text))
    return reader.node(next(reader.tokens))


def copied(node: Node) -> Node:
    """A copy of *node* with the same leaves, which never change."""
    if isinstance(node, dict):
        return {name: copied(part) for name, part in node.items()}
    if isinstance(node, list):
        return [copied(part) for part in node]
    return node


def of(value: Any) -> Node:
    """Build the document for *value*, which `json` can write."""
    return loads(json.dumps(value))


def dumps(node: Node) -> str:
    """Write *node* on one line. Each leaf that was read keeps its text."""
    pieces: list[str] = []
    _write(node, pieces)
    return "".join(pieces)


def same_value(one: Node, other: Node) -> bool:
    """Whether both are equal as RFC 6902 compares: numbers by their value."""
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


class _Reader:
    """Makes nodes of tokens. Leaves written alike are one: a megabyte may hold half a million."""

    def __init__(self, tokens: Iterator[str]) -> None:
        self.tokens = tokens
        self._leaves: dict[str, Leaf] = {}

    def node(self, token: str) -> Node:
        if token == "{":
            return dict(self._members())
        if token == "[":
            return list(self._items())
        if token not in self._leaves:
            self._leaves[token] = Leaf(token)
        return self._leaves[token]

    def _members(self) -> Iterator[tuple[Key, Node]]:
        for token in self._until("}"):
            next(self.tokens)  # the colon
            yield Key.read(token), self.node(next(self.tokens))

    def _items(self) -> Iterator[Node]:
        for token in self._until("]"):
            yield self.node(token)

    def _until(self, closing: str) -> Iterator[str]:
        """The first token of each part, up to *closing*."""
        for token in self.tokens:
            if token == closing:
                return
            if token != ",":
                yield token


def _write(node: Node, pieces: list[str]) -> None:
    if isinstance(node, Leaf):
        pieces.append(node)
        return
    opening, closing = "{}" if isinstance(node, dict) else "[]"
    pieces.append(opening)
    for number, part in enumerate(node):
        if number:
            pieces.append(", ")
        if isinstance(node, dict):
            pieces.append(f"{part.text}: ")
        _write(node[part] if isinstance(node, dict) else part, pieces)
    pieces.append(closing)
