"""Where on the edit page a problem is corrected: its input, its line of the JSON, the focus."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dlq_review.bodies import formatting, pointers
from dlq_review.bodies.inputs import Input, Section
from dlq_review.bodies.pointers import pointer
from dlq_review.desk.forms import EditForm
from processing.events import strict_json
from processing.events.errors import Problem

MOST_LINES = 1_500  # that have numbers
_LINE = re.compile(r" at line (\d+) column \d+\.")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A problem, and its sentence as this person may read it."""

    problem: Problem
    shown: Problem

    @property
    def pointer(self) -> str:
        return pointer(self.problem.names)


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """A problem, and where on the page it is corrected."""

    problem: Problem
    element: str = ""
    line: int = 0


def marked(
    wrong: Sequence[Wrong], places: Sequence[int], sections: Sequence[Section]
) -> list[Marked]:
    elements = _elements(sections)
    return [
        Marked(one.shown, _element(one, elements), line)
        for one, line in zip(wrong, places, strict=True)
    ]


def lines(text: str, wrong: Sequence[Wrong], places: Sequence[int]) -> list[Line]:
    """*text* line by line, a wrong line with its sentences; empty if it is too long."""
    texts = text.split("\n")
    if len(texts) > MOST_LINES:
        return []
    said: dict[int, list[str]] = {}
    for one, line in zip(wrong, places, strict=True):
        said.setdefault(line, []).append(one.shown.message)
    return [
        Line(number, formatting.visible(line), " ".join(said.get(number, ())))
        for number, line in enumerate(texts, start=1)
    ]


def places(text: str, wrong: Sequence[Wrong]) -> list[int]:
    """The line of each problem: of the innermost part that holds it; 0 if none is known."""
    if not wrong:
        return []
    try:
        strict_json.loads(text)
    except strict_json.UnreadableJSONError:
        found = [_LINE.search(one.problem.message) for one in wrong]
        return [int(match[1]) if match else 0 for match in found]
    known = pointers.lines_of(text, (one.pointer for one in wrong))
    around = [pointers.around(one.pointer) for one in wrong]
    return [next(known[path] for path in paths if path in known) for paths in around]


def focus(form: EditForm, sections: Sequence[Section], wrong: Sequence[Wrong]) -> str:
    """The pointer of the input to begin with, or the name of another field."""
    inputs = {one.pointer for one in _inputs(sections) if not one.locked}
    first = next((one.pointer for one in wrong if one.pointer in inputs), "")
    if first or wrong:
        return first or ("body" if not sections else "")
    return "reason" if form.is_bound and form.errors.get("reason") else ""


def _element(one: Wrong, elements: dict[str, str]) -> str:
    near = pointers.around(one.pointer)
    return next((elements[path] for path in near if path in elements), "")


def _elements(sections: Sequence[Section]) -> dict[str, str]:
    parts = [part for one in sections for part in one.walk() if part.pointer]
    found = {part.pointer: part.element for part in parts}
    return found | {one.pointer: one.element for one in _inputs(sections)}


def _inputs(sections: Sequence[Section]) -> Iterator[Input]:
    for section in sections:
        for part in section.walk():
            yield from part.inputs
