"""The context of the page on which one dead letter is edited, as a form or as text."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from dlq_review.bodies import exact_json, formatting
from dlq_review.bodies.body_form import NoFormError
from dlq_review.bodies.inputs import Section
from dlq_review.desk import edit_marks
from dlq_review.desk.edit_draft import Draft
from dlq_review.desk.edit_marks import Wrong
from dlq_review.desk.forms import EditForm
from dlq_review.letters import revisions
from dlq_review.letters.blame import blamed
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.letters.revisions import LONGEST_EDIT
from dlq_review.models import DeadLetter
from dlq_review.permissions import may
from dlq_review.search.selections import Selection
from dlq_review.search.veil import Bare, look_at, needs_reveal
from dlq_review.suggestions.suggest import Suggestion, applied, suggestions
from processing.events import strict_json
from processing.events.contracts import CONTRACTS
from processing.events.errors import Problem


def edit_context(
    request: HttpRequest, letter: DeadLetter, draft: Draft, form: EditForm
) -> dict[str, Any]:
    text = draft.text
    look = look_at([letter], text) if draft.masked else Bare()
    # A text that was typed and is too long is kept on the page, to be shortened.
    too_long = len(text) > LONGEST_EDIT and not (form.is_bound and draft.typed)
    return {
        "letter": letter,
        "draft": draft,
        "form": form,
        "too_long": too_long,
        "editable": letter.state in DeadLetter.EDITABLE,
        "may_redrive": may(request.user, "redrive"),
        "error_text": look.error(letter.error_text),
        "quarantined": letter.state == DeadLetter.State.QUARANTINED,
        "types": list(CONTRACTS),
        "changes": look.diff(draft.base.body, text) if text != draft.base.body else [],
        "changed": text != draft.base.body,
        **({} if too_long else _editor(letter, draft, form, look)),
    }


def _editor(
    letter: DeadLetter, draft: Draft, form: EditForm, look: Bare
) -> dict[str, Any]:
    """The form or the text, with each problem at its place."""
    found = problems_of(letter, draft.text)
    refused = blamed(letter, draft.text)
    wrong = [Wrong(one, look.problem(one)) for one in found]
    wrong += [
        Wrong(one, Problem(one.field, look.error(one.message))) for one in refused
    ]
    sections, no_form = _sections(
        draft, {one.pointer: one.shown.message for one in wrong}
    )
    readable = _readable(draft)
    places = edit_marks.places(readable, wrong)
    marked = edit_marks.marked(wrong, places, sections or [])
    return {
        "sections": sections,
        "no_form": no_form,
        "lines": edit_marks.lines(readable, wrong, places),
        "marked": marked[: len(found)],
        "refused": marked[len(found) :],
        "focus": edit_marks.focus(form, sections or [], wrong),
        "suggestions": offered(draft, found),
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
    draft: Draft, sentences: Mapping[str, str]
) -> tuple[list[Section] | None, str]:
    """The form, or the reason why there is none."""
    if draft.typed is not None:
        return None, ""
    try:
        return draft.form(sentences), ""
    except NoFormError as error:
        return None, str(error)


def _readable(draft: Draft) -> str:
    """The JSON of the page, as this person may see it."""
    return draft.typed if draft.typed is not None else formatting.pretty(draft.shown)


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
