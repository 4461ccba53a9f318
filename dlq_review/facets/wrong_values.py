"""The wrong values at one place of many bodies, for a form that replaces each of them.

A value that a page would mask is not named: nobody could type it here unseen.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dlq_review.bodies.contract_fields import Kind
from dlq_review.bodies.pointers import names_of, pointer
from dlq_review.facets.failing import REQUIRED, There, at
from dlq_review.facets.values import Place
from dlq_review.letters import current_event
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.models import DeadLetter
from processing.events import strict_json
from processing.events.contracts import CONTRACTS
from processing.events.errors import Problem
from processing.events.masking import shows
from processing.events.shapes import shape_in
from processing.events.veil import Veil

MOST_PROBLEMS = 20  # of one body
MOST_PLACES = 20  # of all bodies
MOST_VALUES = 20  # of one place
LONGEST = 200  # characters of a value


@dataclass(slots=True)
class WrongPlace:
    """One place that the contract refuses, as a JSON Pointer, and what stands there."""

    pointer: str
    message: str
    letters: int = 0
    values: Counter[str] = field(default_factory=Counter)
    """As JSON."""
    missing: int = 0
    hidden: int = 0
    """Letters whose value is not shown."""
    types: set[str] = field(default_factory=set)
    """The event types of the letters."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of an enumeration; empty if anything may be written."""
        kind = self._kind
        return kind.choices if kind else ()

    def written(self, text: str) -> str:
        """*text* as JSON: a whole number where the contract takes one."""
        whole = self._kind is not None and self._kind.is_whole
        digits = text.removeprefix("-")
        if whole and digits.isascii() and digits.isdecimal() and len(digits) < 19:
            return str(int(text))
        return json.dumps(text)

    @property
    def _kind(self) -> Kind | None:
        """What the contract takes here, if all letters are of one type."""
        first, *names = names_of(self.pointer)
        known = [CONTRACTS[one] for one in self.types if one in CONTRACTS]
        if first != "data" or len(self.types) != 1 or not known:
            return None
        return Kind(known[0]).at(tuple(names))


def wrong_places(letters: Sequence[DeadLetter]) -> list[WrongPlace]:
    """The places that the contracts refuse in *letters*, the commonest first."""
    found: dict[str, WrongPlace] = {}
    bodies = current_event.some_bodies(letters)
    for letter in letters:
        if letter.pk in bodies and not letter.body_fingerprint:
            _look_at(letter, bodies[letter.pk], found)
    return sorted(found.values(), key=lambda one: one.letters, reverse=True)


def _look_at(letter: DeadLetter, body: str, found: dict[str, WrongPlace]) -> None:
    try:
        document = strict_json.loads(body)
        root = Place("", shape_in(document))
        current_event.event_in(letter, body)
    except strict_json.UnreadableJSONError:
        return
    except NotAnEventError as error:
        places = {one.names: one for one in error.problems[:MOST_PROBLEMS] if one.names}
        for problem in places.values():
            place = _place(problem, body, found)
            if place is not None:
                place.types.add(letter.type)
                _count(place, at(problem.names, root, document), problem)


def _place(
    problem: Problem, body: str, found: dict[str, WrongPlace]
) -> WrongPlace | None:
    path = pointer(problem.names)
    if path not in found and len(found) < MOST_PLACES and _is_plain(path):
        found[path] = WrongPlace(path, Veil(body)(problem.message))
    return found.get(path)


def _is_plain(path: str) -> bool:
    """Whether its names read like a program's; other names may be personal."""
    return all(
        part.isascii() and part.replace("_", "").isalnum()
        for part in path.split("/")[1:]
    )


def _count(place: WrongPlace, there: There, problem: Problem) -> None:
    place.letters += 1
    if not there.found:
        place.missing += problem.message == REQUIRED
        return
    text = json.dumps(there.value)
    is_short = not isinstance(there.value, dict | list) and len(text) <= LONGEST
    if is_short and shows(there.place.shape, there.value):
        place.values[text] += 1
    else:
        place.hidden += 1
