"""The draft of an edit: a revision, and the changes that one person made to it so far.

The page carries the draft as a JSON Patch on that revision, so nothing is stored before it is
saved, and a newer revision of somebody else is never overwritten by fields that nobody
touched. A person who may not see personal data works on the masked body; the patch is then
made to the real one, and refused where it would write or show what is masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from dlq_review.bodies import exact_json, formatting, json_patch, patch_between, typed
from dlq_review.bodies.body_form import NoFormError, form_of
from dlq_review.bodies.exact_json import Node
from dlq_review.bodies.inputs import Section
from dlq_review.bodies.json_patch import PatchError
from dlq_review.bodies.patch_between import Step
from dlq_review.letters import current_event
from dlq_review.models import DeadLetter, Revision
from dlq_review.search.selections import Selection
from dlq_review.search.veil import needs_reveal
from processing.events import strict_json
from processing.events.masking import mask_body

_LONGEST_PATCH = 256 * 1024  # characters


class NoDraftError(PatchError):
    """This edit cannot be read. Open the page again."""


@dataclass(frozen=True)  # without slots, which have no room for a cached property
class Draft:
    base: Revision
    masked: bool
    patch: list[Step] = field(default_factory=list)
    typed: str | None = None
    """The whole text, if it is edited as text."""

    @cached_property
    def text(self) -> str:
        """The real body with the changes. Raises PatchError."""
        if self.typed is not None:
            return self.typed
        if not self.patch:
            return self.base.body  # which may be no JSON
        return json_patch.apply(self.patch, self.base.body, masked=self.masked)

    @cached_property
    def shown(self) -> str:
        """The body with the changes, as this person may see it. Raises PatchError."""
        if not self.masked or self.typed is not None:
            return self.text
        seen = mask_body(self.base.body)
        return json_patch.apply(self.patch, seen) if self.patch else seen

    def form(self, problems: Mapping[str, str]) -> list[Section]:
        """The form of the draft. Raises NoFormError."""
        if self._document is None:
            raise NoFormError("It is no JSON")
        return form_of(self._document, problems, masked=self.masked)

    @cached_property
    def _document(self) -> Node | None:
        try:
            return exact_json.loads(self.shown)
        except strict_json.UnreadableJSONError:
            return None

    def with_steps(self, steps: Sequence[Step]) -> Self:
        """The draft with *steps* after the others. Raises PatchError."""
        further = replace(self, patch=[*self.patch, *steps])
        further.check()
        return further

    def check(self) -> None:
        """Raises PatchError if the changes cannot be made, or not by this person."""
        if self.masked and needs_reveal(Selection(), self.patch):
            raise PatchError(
                "This changes personal data, which needs the permission to see it."
            )
        _ = self.text

    @property
    def carried(self) -> str:
        """The patch, for the hidden field of the page."""
        return patch_between.written(self.patch) if self.patch else ""


def draft_of(
    letter: DeadLetter, sent: Mapping[str, str], *, based_on: int, masked: bool
) -> Draft:
    """The draft that a page has sent, before what was typed into its inputs.

    Raises PatchError.
    """
    base = letter.revisions.filter(number=based_on).first()
    if base is None:
        base = current_event.current(letter)
    carried = sent.get("patch", "")
    if len(carried) > _LONGEST_PATCH:
        raise NoDraftError(NoDraftError.__doc__)
    draft = Draft(base, masked, json_patch.read(carried) if carried else [])
    draft.check()
    return draft


def with_typed(draft: Draft, sent: Mapping[str, str], dropped: Sequence[str]) -> Draft:
    """*draft* with what was typed into its form. Raises PatchError or NoFormError."""
    draft = draft.with_steps(typed.steps(draft.form({}), sent, dropped))
    if "add" in sent:
        return draft.with_steps(typed.grown(draft.form({}), sent["add"]))
    return draft


def without_empty(draft: Draft) -> Draft:
    """*draft* without members that were added and left empty."""
    known = Draft(draft.base, draft.masked).form({})
    return draft.with_steps(typed.left_empty(draft.form({}), known))


def as_text(draft: Draft) -> Draft:
    return replace(draft, typed=formatting.pretty(draft.text), patch=[])


def as_form(draft: Draft) -> Draft:
    """A draft of the text as changes of its revision. Raises NoFormError."""
    try:
        before, after = map(exact_json.loads, (draft.base.body, draft.text))
        if not isinstance(before, dict) or not isinstance(after, dict):
            raise NoFormError("The body is no object")
        steps = patch_between.steps_between(before, after)
        read = json_patch.read(patch_between.written(steps)) if steps else []
        made = replace(draft, typed=None, patch=read)
        made.form({})
        made.check()
    except strict_json.UnreadableJSONError as error:
        raise NoFormError(f"It cannot be read: {error}") from None
    except PatchError as error:
        raise NoFormError(str(error)) from None
    return made
