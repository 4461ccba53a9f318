"""The wrong values at one place of many bodies, for a form that replaces each of them.

A value that a page would mask is not named: nobody could type it here unseen.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dlq_review.bodies.computed import computed_paths
from dlq_review.bodies.contract_fields import Kind
from dlq_review.bodies.pointers import names_of, pointer
from dlq_review.bodies.sentences import shared
from dlq_review.facets.failing import REQUIRED, There, at
from dlq_review.facets.values import Place
from dlq_review.letters import blame, current_event
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.models import DeadLetter
from processing.events import strict_json
from processing.events.contract import Contract
from processing.events.contracts import CONTRACTS
from processing.events.errors import Problem
from processing.events.masking import shows
from processing.events.shapes import shape_in
from processing.events.veil import Veil

MOST_PROBLEMS = 20  # of one body
MOST_PLACES = 20  # of all bodies
MOST_VALUES = 20  # of one place
MOST_MESSAGES = 20  # of one place
LONGEST = 200  # characters of a value
_MISSING, _HIDDEN = "missing", "hidden"  # which are no JSON
_NO_JSON = ("Infinity", "-Infinity")  # how a number is written that is too large


@dataclass(slots=True)
class WrongPlace:
    """One place that the contract refuses, as a JSON Pointer, and what stands there."""

    pointer: str
    """With `*` for any place of a list."""
    message: str = ""
    """Why, with the parts marked that differ between the letters."""
    letters: int = 0
    values: Counter[str] = field(default_factory=Counter)
    """As JSON."""
    missing: int = 0
    hidden: int = 0
    """Letters whose value is not shown."""
    types: set[str] = field(default_factory=set)
    """The event types of the letters."""
    heard: set[str] = field(default_factory=set)

    def hear(self, message: str, body: str) -> None:
        """Take *message*, about the *body* of one letter."""
        if len(self.heard) < MOST_MESSAGES:
            self.heard.add(message)
            masked = Veil(body).error(message)
            self.message = shared(self.message, masked) if self.message else masked

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
    def computed(self) -> list[str]:
        """The pointers of the fields that the contract makes of the others."""
        contract = self._contract
        return computed_paths(contract) if contract is not None else []

    @property
    def _kind(self) -> Kind | None:
        """What the contract takes here."""
        contract = self._contract
        first, *names = names_of(self.pointer)
        if contract is None or first != "data":
            return None
        return Kind(contract).at(tuple(names))

    @property
    def _contract(self) -> type[Contract] | None:
        """The contract of all letters, if they are of one type."""
        name, *others = sorted(self.types)
        return None if others else CONTRACTS.get(name)


def wrong_places(letters: Sequence[DeadLetter]) -> list[WrongPlace]:
    """The places in *letters* that the contracts refuse, or that business rules refused.

    The commonest come first.
    """
    found: dict[str, WrongPlace] = {}
    bodies = current_event.some_bodies(letters)
    edited = blame.edited_since(one for one in letters if one.error_field)
    for letter in letters:
        if letter.pk in bodies and letter.pk not in edited:
            _look_at(letter, bodies[letter.pk], found)
    return sorted(found.values(), key=lambda one: one.letters, reverse=True)


def _look_at(letter: DeadLetter, body: str, found: dict[str, WrongPlace]) -> None:
    problems = _problems(letter, body)
    if not problems:
        return
    try:
        document = strict_json.loads(body)
    except strict_json.UnreadableJSONError:
        return
    root = Place("", shape_in(document))
    seen: dict[str, set[str]] = {}
    for one in problems:
        path = _any_place(one.names, document)
        place = _place(path, one, body, found)
        if place is not None:
            place.types.add(letter.type)
            place.letters += path not in seen
            there = at(one.names, root, document)
            _count(place, there, one, seen.setdefault(path, set()))


def _problems(letter: DeadLetter, body: str) -> Sequence[Problem]:
    """What the contract refuses in *body*; if nothing, what a business rule refused."""
    if letter.body_fingerprint:
        refused = Problem(letter.error_field, letter.error_text)
        return [refused] if letter.error_field else []
    try:
        current_event.event_in(letter, body)
    except NotAnEventError as error:
        named = {one.names: one for one in error.problems[:MOST_PROBLEMS] if one.names}
        return list(named.values())
    return []


def _any_place(names: Sequence[str], raw: Any) -> str:
    """The pointer of *names*, with `*` where one is a place of a list in *raw*."""
    path: list[str] = []
    for name in names:
        inside = isinstance(raw, list) and name.isdecimal()
        path.append("*" if inside else name)
        try:
            raw = raw[int(name) if inside else name]
        except (LookupError, TypeError):
            raw = None
    return pointer(path)


def _place(
    path: str, problem: Problem, body: str, found: dict[str, WrongPlace]
) -> WrongPlace | None:
    plain = _is_plain(problem.names)
    if path not in found and len(found) < MOST_PLACES and plain:
        found[path] = WrongPlace(path)
    place = found.get(path)
    if place is not None and problem.message not in place.heard:
        place.hear(problem.message, body)
    return place


def _is_plain(names: Sequence[str]) -> bool:
    """Whether *names* read like a program's; other names may be personal."""
    return all(one.isascii() and one.replace("_", "").isalnum() for one in names)


def _count(place: WrongPlace, there: There, problem: Problem, seen: set[str]) -> None:
    """Count the letter for its value there. *seen* are its values at other places of a list."""
    if not there.found:
        place.missing += problem.message == REQUIRED and _MISSING not in seen
        seen.add(_MISSING)
        return
    text = json.dumps(there.value)
    is_short = not isinstance(there.value, dict | list) and len(text) <= LONGEST
    if not is_short or text in _NO_JSON or not shows(there.place.shape, there.value):
        text = _HIDDEN
    if text not in seen:
        seen.add(text)
        if text == _HIDDEN:
            place.hidden += 1
        else:
            place.values[text] += 1
