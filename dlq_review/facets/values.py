"""The values in bodies, counted by their paths. Personal values are only told apart.

What a page would mask is no value here: its hash alone is kept, for as long as the page is
made, so that different ones can be counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dlq_review.bodies.field_conditions import text_of, under
from dlq_review.search.circumstances import ATTRIBUTE
from processing.events.contracts import CONTRACTS
from processing.events.masking import MASK, mask_attribute, mask_name, member, shows
from processing.events.shapes import Shape, shape_in

MOST_LEAVES = 1_000  # of one body
MOST_PATHS = 500  # of all bodies; their senders choose the names
Leaf = tuple[str, str | None, int]
"""A path, the value as a condition writes it, or None if it is hidden, and a hash of it."""


@dataclass(slots=True)
class Facet:
    """The values at one path. A letter counts once for each of its values."""

    letters: int = 0
    """How many have the path."""
    values: Counter[str] = field(default_factory=Counter)
    hidden: set[int] = field(default_factory=set)
    """The hashes of values that are masked."""

    def count(self, found: "Leaf") -> None:
        _, value, digest = found
        if value is None:
            self.hidden.add(digest)
        else:
            self.values[value] += 1

    @property
    def different(self) -> int:
        return len(self.values) + len(self.hidden)


@dataclass(slots=True)
class Facets:
    """The facets of some letters, by their paths."""

    letters: int = 0
    by_path: dict[str, Facet] = field(default_factory=dict)
    left_out: bool = False
    """Some paths are not counted, because there are too many."""

    def add(self, leaves: Iterable[Leaf]) -> None:
        """Count one letter."""
        self.letters += 1
        seen: set[str] = set()
        for found in dict.fromkeys(leaves):
            name = found[0]
            facet = self.by_path.get(name)
            if facet is None:
                if len(self.by_path) >= MOST_PATHS:
                    self.left_out = True
                    continue
                facet = self.by_path[name] = Facet()
            facet.letters += name not in seen
            seen.add(name)
            facet.count(found)


@dataclass(slots=True)
class Place:
    """A place in documents of one shape. It remembers its parts, for the next document."""

    path: str
    shape: Shape
    _members: "dict[str, Place]" = field(default_factory=dict)
    _item: "Place | None" = None

    def member(self, key: str) -> "Place":
        found = self._members.get(key)
        if found is None:
            inside, shown = member(self.shape, key)
            found = Place(under(self.path, key if shown else MASK), inside)
            self._members[key] = found
        return found

    @property
    def item(self) -> "Place":
        """Any place in a list."""
        if self._item is None:
            self._item = Place(under(self.path, None), self.shape.inside)
        return self._item

    def parts(self, value: Any, most: int) -> "list[tuple[Place, Any]]":
        """The first *most* parts of *value*, an object or a list that stands here."""
        if isinstance(value, dict):
            return [(self.member(key), one) for key, one in islice(value.items(), most)]
        item = self.item
        return [(item, one) for one in value[:most]]

    def leaf(self, value: Any) -> Leaf:
        text = text_of(value)
        if text is None:
            return self.path, "{}" if isinstance(value, dict) else "[]", 0
        if shows(self.shape, value):
            return self.path, text, 0
        return self.path, None, hash(text)


class Places:
    """The roots of documents, by the type of their events."""

    def __init__(self) -> None:
        self._roots: dict[str, Place] = {}

    def leaves(self, document: Any) -> list[Leaf]:
        """The first MOST_LEAVES leaves of *document*."""
        found: list[Leaf] = []
        waiting = [(self.root(document), document)]
        while waiting and len(found) < MOST_LEAVES:
            place, value = waiting.pop()
            if value and isinstance(value, dict | list):
                waiting += place.parts(value, MOST_LEAVES - len(found))[::-1]
            elif place.path:
                found.append(place.leaf(value))
        return found

    def root(self, document: Any) -> Place:
        type = document.get("type") if isinstance(document, dict) else None
        if not isinstance(type, str) or type not in CONTRACTS:
            return Place("", shape_in(document))  # what it shows depends on more
        if type not in self._roots:
            self._roots[type] = Place("", shape_in(document))
        return self._roots[type]


def around(known: Mapping[str, Any]) -> Iterator[Leaf]:
    """The leaves of a letter's circumstances, their paths with an @ in front."""
    for name, value in known.items():
        if name != ATTRIBUTE:
            yield f"@{name}", value, 0
            continue
        for key, text in value.items():
            shown = mask_attribute(key, text) == text
            place = under(f"@{name}", mask_name(key))
            yield (place, text, 0) if shown else (place, None, hash(str(text)))
