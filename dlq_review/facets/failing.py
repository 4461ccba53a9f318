"""The paths at which the contracts refuse bodies, with the wrong values there."""

import functools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dlq_review.bodies.field_conditions import under
from dlq_review.bodies.sentences import shared
from dlq_review.facets.values import Facet, Place
from dlq_review.letters import current_event
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.models import DeadLetter
from processing.events.errors import Problem
from processing.events.masking import mask_name
from processing.events.shapes import HIDDEN
from processing.events.veil import Veil

MOST_PROBLEMS = 20  # of one body
MOST_PATHS = 50  # of all bodies
MOST_MESSAGES = 20  # of one path
REQUIRED = "This field is required."


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
        """The commonest sentence about it, masked, with the parts marked that differ."""
        (commonest, _), *others = self.messages.most_common(MOST_MESSAGES)
        told = (self._masked(one) for one, _ in others)
        return functools.reduce(shared, told, self._masked(commonest))

    def _masked(self, message: str) -> str:
        return Veil(self._bodies[message])(message)


@dataclass(slots=True)
class Failing:
    """The refused paths of some letters."""

    letters: int = 0
    """How many are refused at all."""
    by_path: dict[str, FailingPath] = field(default_factory=dict)

    def add(self, letter: DeadLetter, body: str, root: Place, document: Any) -> None:
        """Count *letter*, whose *body* is *document*, which begins at *root*."""
        try:
            current_event.event_in(letter, body)
        except NotAnEventError as error:
            self.letters += 1
            seen: set[object] = set()
            for problem in error.problems[:MOST_PROBLEMS]:
                self._count(problem, at(problem.names, root, document), body, seen)

    def _count(
        self, problem: Problem, there: "There", body: str, seen: set[object]
    ) -> None:
        name = there.place.path
        if name not in self.by_path and len(self.by_path) >= MOST_PATHS:
            return
        one = self.by_path.setdefault(name, FailingPath())
        if name not in seen:
            one.facet.letters += 1
            one.say(problem.message, body)
            one.missing += not there.found and problem.message == REQUIRED
        if there.found and not isinstance(there.value, dict | list):
            found = there.place.leaf(there.value)
            if found not in seen:
                one.facet.count(found)
            seen.add(found)
        seen.add(name)

    def ranked(self) -> list[tuple[str, FailingPath]]:
        """The path that refuses most letters first."""
        return sorted(
            self.by_path.items(), key=lambda one: one[1].facet.letters, reverse=True
        )


class There(NamedTuple):
    """Where a problem is, and what stands there."""

    place: Place
    value: Any
    found: bool


def at(names: tuple[str, ...], root: Place, document: Any) -> There:
    """What stands at *names* in *document*, which begins at *root*."""
    place, value, found = root, document, bool(names)
    for name in names:
        number = int(name) if name.isdecimal() and len(name) < 9 else -1
        if found and isinstance(value, list) and 0 <= number < len(value):
            place, value = place.item, value[number]
        elif found and isinstance(value, dict) and name in value:
            place, value = place.member(name), value[name]
        else:
            step = None if number >= 0 else mask_name(name)
            place, found = Place(under(place.path, step), HIDDEN), False
    return There(place, value, found)
