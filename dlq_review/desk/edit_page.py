"""The context of the page on which one dead letter is edited, as a form or as text."""

import re
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest

from dlq_review.bodies import exact_json, formatting, pointers
from dlq_review.bodies.body_form import NoFormError
from dlq_review.bodies.inputs import Section
from dlq_review.bodies.pointers import pointer
from dlq_review.desk.edit_draft import Draft
from dlq_review.desk.forms import EditForm
from dlq_review.letters import revisions
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.letters.revisions import LONGEST_EDIT
from dlq_review.models import DeadLetter
from dlq_review.permissions import may
from dlq_review.search.selections import Selection
from dlq_review.search.veil import Bare, Masked, needs_reveal
from dlq_review.suggestions.suggest import Suggestion, applied, suggestions
from processing.events import strict_json
from processing.events.contracts import CONTRACTS
from processing.events.errors import Problem

MOST_LINES = 1_500  # that have numbers
_LINE = re.compile(r" at line (\d+) column \d+\.")


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


def edit_context(
    request: HttpRequest, letter: DeadLetter, draft: Draft, form: EditForm
) -> dict[str, Any]:
    text = draft.text
    look = Masked([draft.base.body, text]) if draft.masked else Bare()
    found = problems_of(letter, text)
    sections, no_form = _sections(draft, found, look)
    readable = _readable(draft)
    places = _places(readable, found)
    lines = _lines(readable, list(zip(places, found, strict=True)), look)
    elements = _elements(sections or [])
    marked = [
        Marked(look.problem(one), _element(one, elements), line)
        for line, one in zip(places, found, strict=True)
    ]
    return {
        "letter": letter,
        "draft": draft,
        "form": form,
        "sections": sections,
        "no_form": no_form,
        "lines": lines if len(lines) <= MOST_LINES else [],
        "marked": marked,
        "focus": _focus(form, sections or [], found),
        "suggestions": offered(draft, found),
        "changes": look.diff(draft.base.body, text) if text != draft.base.body else [],
        "changed": text != draft.base.body,
        "error_text": look.error(letter.error_text),
        "too_long": len(text) > LONGEST_EDIT and not form.is_bound,
        "quarantined": letter.state == DeadLetter.State.QUARANTINED,
        "types": list(CONTRACTS),
        "editable": letter.state in DeadLetter.EDITABLE,
        "may_redrive": may(request.user, "redrive"),
        "form_possible": _is_readable(draft.base.body),
    }


def problems_of(letter: DeadLetter, text: str) -> tuple[Problem, ...]:
    try:
        revisions.check(letter, text)
    except NotAnEventError as error:
        return error.problems
    return ()


def offered(draft: Draft, found: tuple[Problem, ...]) -> list[Suggestion]:
    """The suggestions that this person may see and take."""
    if not draft.masked:
        return suggestions(draft.shown, found)
    readable = [one for one in suggestions(draft.shown, found) if one.patch]
    return [one for one in readable if not needs_reveal(Selection(), one.patch)]


def _is_readable(body: str) -> bool:
    try:
        return isinstance(exact_json.loads(body), dict)
    except strict_json.UnreadableJSONError:
        return False


def _sections(
    draft: Draft, found: tuple[Problem, ...], look: Bare
) -> tuple[list[Section] | None, str]:
    """The form, or the reason why there is none."""
    if draft.typed is not None:
        return None, ""
    sentences = {pointer(one.names): look.problem(one).message for one in found}
    try:
        return draft.form(sentences), ""
    except NoFormError as error:
        return None, str(error)


def _readable(draft: Draft) -> str:
    """The JSON of the page, as this person may see it."""
    return draft.typed if draft.typed is not None else formatting.pretty(draft.shown)


def _lines(text: str, found: list[tuple[int, Problem]], look: Bare) -> list[Line]:
    """*text* line by line; a wrong line with its sentences."""
    wrong: dict[int, list[str]] = {}
    for line, problem in found:
        wrong.setdefault(line, []).append(look.problem(problem).message)
    return [
        Line(number, formatting.visible(line), " ".join(wrong.get(number, ())))
        for number, line in enumerate(text.split("\n"), start=1)
    ]


def _places(text: str, found: tuple[Problem, ...]) -> list[int]:
    """The line of each problem: of the innermost part that holds it; 0 if none is known."""
    try:
        strict_json.loads(text)
    except strict_json.UnreadableJSONError:
        lines = [_LINE.search(one.message) for one in found]
        return [int(match[1]) if match else 0 for match in lines]
    places = pointers.lines_of(text)
    around = [pointers.around(pointer(one.names)) for one in found]
    return [next(places[path] for path in paths if path in places) for paths in around]


def _element(problem: Problem, elements: dict[str, str]) -> str:
    near = pointers.around(pointer(problem.names))
    return next((elements[path] for path in near if path in elements), "")


def _elements(sections: list[Section]) -> dict[str, str]:
    parts = [part for one in sections for part in one.walk() if part.pointer]
    found = {part.pointer: part.element for part in parts}
    inputs = [one for part in sections for each in part.walk() for one in each.inputs]
    return found | {one.pointer: one.element for one in inputs}


def _focus(form: EditForm, sections: list[Section], found: tuple[Problem, ...]) -> str:
    """The pointer of the input to begin with, or the name of another field."""
    inputs = {
        one.pointer
        for part in sections
        for each in part.walk()
        for one in each.inputs
        if not one.locked
    }
    wrong = [pointer(one.names) for one in found]
    first = next((one for one in wrong if one in inputs), "")
    if first or found:
        return first or ("body" if not sections else "")
    return "reason" if form.is_bound and form.errors.get("reason") else ""


def with_suggestions(letter: DeadLetter, draft: Draft, key: str) -> tuple[Draft, str]:
    """*draft* with the suggestion *key*, or with all, and what they say for the reason.

    Raises PatchError.
    """
    found = offered(draft, problems_of(letter, draft.text))
    chosen = [one for one in found if key in ("all", one.key)]
    said = "; ".join(dict.fromkeys(_said(one) for one in chosen))
    if draft.typed is None:
        return draft.with_steps([step for one in chosen for step in one.patch]), said
    return replace(draft, typed=applied(chosen, draft.typed)), said


def _said(one: Suggestion) -> str:
    return f"Suggested repair {one.rule}"
