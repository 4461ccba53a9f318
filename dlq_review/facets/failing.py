"""The paths at which the contracts refuse bodies, with the wrong values there."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from dlq_review.bodies.field_conditions import path
from dlq_review.facets.values import Facet, Step, leaf
from dlq_review.letters import current_event
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.models import DeadLetter
from processing.events.errors import Problem
from processing.events.masking import MASK, mask_name
from processing.events.veil import Veil

MOST_PROBLEMS = 20  # of one body
MOST_PATHS = 50  # of all bodies
_REQUIRED = "This field is required."


@dataclass(slots=True)
class FailingPath:
    """One path that is refused, in how many letters, and why."""

    facet: Facet = field(default_factory=Facet)
    missing: int = 0
    """Letters without the field."""
    messages: Counter[str] = field(default_factory=Counter)
    _bodies: dict[str, str] = field(default_factory=dict)

    def say(self, message: str, body: str) -> None:
        self.messages[message] += 1
        self._bodies.setdefault(message, body)

    @property
    def message(self) -> str:
        """The commonest sentence about it, masked."""
        ((found, _),) = self.messages.most_common(1)
        return Veil(self._bodies[found])(found)


@dataclass(slots=True)
class Failing:
    """The refused paths of some letters."""

    letters: int = 0
    """How many are refused at all."""
    by_path: dict[str, FailingPath] = field(default_factory=dict)

    def add(self, letter: DeadLetter, body: str, raw: Any, shown: Any) -> None:
        """Count *letter*, whose *body* is *raw*, and *shown* when it is masked."""
        try:
            current_event.event_in(letter, body)
        except NotAnEventError as error:
            self.letters += 1
            seen: set[object] = set()
            for problem in error.problems[:MOST_PROBLEMS]:
                self._count(problem, _at(problem.names, raw, shown), body, seen)

    def _count(
        self, problem: Problem, place: "_Place", body: str, seen: set[object]
    ) -> None:
        name = path(place.steps)
        if name not in self.by_path and len(self.by_path) >= MOST_PATHS:
            return
        one = self.by_path.setdefault(name, FailingPath())
        if name not in seen:
            one.facet.letters += 1
            one.say(problem.message, body)
            one.missing += not place.found and problem.message == _REQUIRED
        if place.found and not isinstance(place.value, dict | list):
            found = leaf(place.steps, place.value, place.masked)
            if found not in seen:
                one.facet.count(found)
            seen.add(found)
        seen.add(name)

    def ranked(self) -> list[tuple[str, FailingPath]]:
        """The path that refuses most letters first."""
        return sorted(
            self.by_path.items(), key=lambda one: one[1].facet.letters, reverse=True
        )


class _Place(NamedTuple):
    """Where a problem is."""

    steps: tuple[Step, ...]
    value: Any = None
    masked: Any = None
    found: bool = False


def _at(names: tuple[str, ...], raw: Any, shown: Any) -> _Place:
    place = _Place((), raw, shown, found=bool(names))
    for name in names:
        place = _inside(place, name)
    return place


def _inside(place: _Place, name: str) -> _Place:
    steps, raw, shown, found = place
    number = int(name) if name.isdecimal() and len(name) < 9 else -1
    if found and isinstance(raw, list) and 0 <= number < len(raw):
        return _Place((*steps, None), raw[number], shown[number], found=True)
    if found and isinstance(raw, dict) and name in raw and isinstance(shown, dict):
        seen = next(islice(shown, list(raw).index(name), None))
        step = name if seen == name else MASK
        return _Place((*steps, step), raw[name], shown[seen], found=True)
    return _Place((*steps, None if number >= 0 else mask_name(name)))
