"""The values in bodies, counted by their paths. Personal values are only told apart.

What a page would mask is no value here: its hash alone is kept, for as long as the page is
made, so that different ones can be counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dlq_review.bodies.field_conditions import path, text_of
from processing.events import strict_json
from processing.events.masking import MASK, walk

MOST_LEAVES = 1_000  # of one body
MOST_PATHS = 500  # of all bodies; their senders choose the names
Step = str | None
"""A name, or None for any place in a list."""
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


def documents(body: str) -> tuple[Any, Any]:
    """*body* as it is, and masked. Raises UnreadableJSONError."""
    return strict_json.loads(body), strict_json.loads(walk(body, lambda value: MASK))


def leaves(raw: Any, shown: Any) -> list[Leaf]:
    """The first MOST_LEAVES leaves of *raw*; *shown* is the same document, masked."""
    found: list[Leaf] = []
    waiting: list[tuple[tuple[Step, ...], Any, Any]] = [((), raw, shown)]
    while waiting and len(found) < MOST_LEAVES:
        steps, value, seen = waiting.pop()
        parts = list(_parts(value, seen))
        if parts:
            room = MOST_LEAVES - len(found)
            waiting += [((*steps, step), *both) for step, *both in parts[:room]][::-1]
        elif steps:
            found.append(leaf(steps, value, seen))
    return found


def leaf(steps: tuple[Step, ...], value: Any, seen: Any) -> Leaf:
    text = text_of(value)
    if isinstance(value, dict | list):
        return path(steps), "{}" if isinstance(value, dict) else "[]", 0
    shown = text if seen == value and type(seen) is type(value) else None
    return path(steps), shown, 0 if shown is not None else hash(text)


def _parts(value: Any, seen: Any) -> Iterator[tuple[Step, Any, Any]]:
    """The parts of an object or a list; a masked name is MASK."""
    if isinstance(value, list) and isinstance(seen, list):
        yield from ((None, *both) for both in zip(value, seen, strict=True))
    elif isinstance(value, dict) and isinstance(seen, dict):
        for (name, one), (shown, other) in zip(
            value.items(), seen.items(), strict=True
        ):
            yield (name if shown == name else MASK), one, other


def around(known: Mapping[str, Any], masked: Mapping[str, Any]) -> list[Leaf]:
    """The leaves of a letter's circumstances, their paths with an @ in front."""
    return [
        (f"@{name}", value, digest) for name, value, digest in leaves(known, masked)
    ]
