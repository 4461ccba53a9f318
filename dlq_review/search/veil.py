"""Two views of a letter: in full, which is recorded, or with its personal data masked."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

from django.db.models import Value
from django.db.models.functions import Left

from dlq_review.bodies import difference, formatting
from dlq_review.bodies.difference import Line
from dlq_review.bodies.field_conditions import Condition
from dlq_review.bodies.formatting import Traceback
from dlq_review.bodies.pointers import veiled
from dlq_review.models import Arrival, DeadLetter, Revision
from dlq_review.search import circumstances
from dlq_review.search.selections import Selection
from processing.events.errors import Problem
from processing.events.masking import (
    CHANGED,
    MASK,
    mask_attribute,
    mask_body,
    mask_both,
    mask_name,
    mask_reference,
    mask_value,
)
from processing.events.shapes import may_be_read
from processing.events.veil import Veil

Attribute = tuple[str, str, str]
"""A name, a text, and a type where that is not String."""
Step = Mapping[str, Any]
"""One step of a JSON Patch."""
_NAMES_THE_CONTRACT = ("/type", "/detail-type")
MOST_READ = 64 * 1024  # characters of a body that a list reads to mask one of its rows
MOST_MASKED = 2 * 1024 * 1024  # characters of bodies that one page reads to mask them
#: Revisions, and arrivals, that a page reads to mask texts about them.
MOST_BODIES = 20
NO_REVISION = -1  # the number of an arrival among revisions
NOT_READ = "not read"  # which is no JSON


class Bare:
    """Shows everything."""

    def body(self, body: str) -> str:
        return body

    def text(self, text: str) -> str:
        return text

    def error(self, text: str) -> str:
        return text

    def reference(self, reference: str) -> str:
        return reference

    def attributes(self, beside: Sequence[Attribute]) -> Sequence[Attribute]:
        return beside

    def trace(self, text: str) -> Traceback:
        return formatting.traceback(text)

    def diff(self, before: str, after: str) -> list[Line]:
        return difference.diff(before, after)

    def problem(self, problem: Problem) -> Problem:
        return Problem(self.text(problem.field), self.text(problem.message))


class Masked(Bare):
    """Masks the personal data of *bodies* in every text.

    Bodies beyond the first MOST_MASKED characters are not read, and are masked whole.
    """

    def __init__(self, bodies: Iterable[str]) -> None:
        different = list(dict.fromkeys(bodies))
        ends = accumulate(map(len, different))
        read = sum(1 for end in ends if end <= MOST_MASKED)
        self._read = different[:read]
        self._left_out = different[read:]
        self._read += [NOT_READ] if self._left_out else []

    @cached_property
    def _veil(self) -> Veil:
        return Veil(*self._read)

    def body(self, body: str) -> str:
        if body in self._left_out:
            return MASK
        known = self._veil.masked
        return known[body] if body in known else mask_body(body)

    def text(self, text: str) -> str:
        return self._veil(text)

    def error(self, text: str) -> str:
        return self._veil.error(text)

    def reference(self, reference: str) -> str:
        return mask_reference(reference)

    def attributes(self, beside: Sequence[Attribute]) -> Sequence[Attribute]:
        return [
            (mask_name(name), mask_attribute(name, text), kind and mask_name(kind))
            for name, text, kind in beside
        ]

    def trace(self, text: str) -> Traceback:
        found = formatting.traceback(text)
        for frame in found.frames:  # a text of several lines may look like code
            frame.code = [self.error(line) for line in frame.code]
        return Traceback(found.frames, self.error(found.error))

    def diff(self, before: str, after: str) -> list[Line]:
        lines = difference.diff(before, after, mask_both)
        return [Line(line.kind, line.text.replace(CHANGED, "")) for line in lines]


def look_at(letters: Sequence[DeadLetter], *more: str) -> Masked:
    """Masks the personal data of *more* and of all that is held of *letters*."""
    found, is_all = [*more], True
    for model in (Revision, Arrival):
        rows = model._base_manager.filter(letter__in=letters).order_by("-pk")
        bodies = list(rows.values_list("body", flat=True)[: MOST_BODIES + 1])
        is_all = is_all and len(bodies) <= MOST_BODIES
        found += bodies[:MOST_BODIES]
    # What is not read may hold other values: mask as for a body that nobody can read.
    return Masked(found if found and is_all else [*found, NOT_READ])


def reason_about(letter: DeadLetter, reason: str) -> str:
    """A person's text about *letter*, for a list; hidden if its bodies are long."""
    if not reason:
        return ""
    start = Left("body", MOST_READ + 1)
    told = letter.revisions.order_by().values_list("number", start)
    arrived = letter.arrivals.order_by().values_list(Value(NO_REVISION), start)
    found = list(told.union(arrived)[: 2 * MOST_BODIES + 1])
    bodies = {body for _, body in found}
    current = dict(found).get(letter.revision)
    is_short = sum(map(len, bodies)) <= MOST_READ and len(found) <= 2 * MOST_BODIES
    if current is None or not is_short:
        return MASK
    # A body that nobody can read hides the whole text only until somebody repairs it.
    return Veil(*bodies)(Veil(current).error(reason))


def veiled_condition(text: str) -> str:
    """The condition *text*, with its value masked unless the field is public."""
    condition = Condition.read(text)
    field = veiled_field(condition)
    if not condition.op:
        return field
    shown = is_public(condition) and mask_reference(condition.value)
    value = shown or mask_value(condition.value)
    return f"{field}{'!' if condition.opposite else ''}{condition.op}{value}"


def veiled_field(condition: Condition) -> str:
    """The field that *condition* asks about, without what is personal in its names."""
    sign = f"{'!' if condition.opposite and not condition.op else ''}"
    sign += "@" if condition.around else ""
    path = ""
    for step in condition.steps:
        if isinstance(step, str):
            name = mask_name(step)
            plain = name == step and step.replace("_", "").isalnum()
            path += f".{name}" if plain else f"[{json.dumps(name, ensure_ascii=False)}]"
        else:
            path += f"[{step}]" if isinstance(step, int) else "[*]"
    return sign + path.lstrip(".")


def is_public(condition: Condition) -> bool:
    """Whether everybody who sees letters may ask for *condition*."""
    if condition.around:
        return circumstances.is_public(condition.steps)
    return may_be_read(condition.steps)


class Hidden(NamedTuple):
    """A part of a request that needs the permission to see personal data, and why."""

    where: str
    """The field of the form: `field`, `ids` or `patch`."""
    name: str
    why: str = "is personal"


def needs_reveal(selection: Selection, patch: Iterable[Step] = ()) -> list[Hidden]:
    """The parts that need the permission to see personal data.

    A change of a hidden field counts too: its result shows whether the body stays the same,
    or has such a field.
    """
    asked = [Condition.read(text) for text in selection.fields]
    found = [Hidden("field", veiled_field(one)) for one in asked if not is_public(one)]
    found += [
        Hidden("ids", mask_value(name))
        for name in selection.ids
        if mask_reference(name) != name
    ]
    found += [one for step in patch for one in _hidden_in(step)]
    return list(dict.fromkeys(found))


def _hidden_in(step: Step) -> Iterator[Hidden]:
    pointers = [step[name] for name in ("path", "from") if name in step]
    for pointer in pointers:
        if not may_be_read(pointer.split("/")[1:]):
            yield Hidden("patch", veiled(pointer))
        elif pointer in _NAMES_THE_CONTRACT and step["op"] != "test":
            yield Hidden("patch", pointer, "decides which fields are masked")
    if "from" in step:  # the same path may be personal in a body of another type
        pointer = veiled(step["from"])
        yield Hidden("patch", f"{step['op']} from {pointer}", "can show what is masked")
