"""A body as a form: the fields of its contract with the values that the body holds.

An input that is sent back as it was shown changes nothing, so a value of a wrong type, or
one that a browser cannot show exactly, is never overwritten unknowingly.
"""

import unicodedata
from collections.abc import Mapping

from pydantic import BaseModel

from dlq_review.bodies import formatting
from dlq_review.bodies.contract_fields import Kind, fields_of
from dlq_review.bodies.exact_json import Leaf, Node
from dlq_review.bodies.inputs import Extra, Input, Section
from dlq_review.bodies.json_patch import PatchError, checked_path
from dlq_review.bodies.pointers import pointer
from processing.events.contracts import CONTRACTS
from processing.events.envelope import Event
from processing.events.masking import MASK
from processing.events.shapes import may_be_read

MOST = 600  # parts of a form; a hundred items have four each
_FIXED = ("id", "type", "data")


class NoFormError(Exception):
    """This body has no form."""


def form_of(
    document: Node, problems: Mapping[str, str], *, masked: bool
) -> list[Section]:
    """The sections of the form for *document*. *problems* are sentences by pointers.

    Raises NoFormError if there is no form for it.
    """
    if not isinstance(document, dict):
        raise NoFormError("The body is no object")
    type = document.get("type")
    name = type.value if isinstance(type, Leaf) else None
    if not isinstance(name, str) or name not in CONTRACTS:
        raise NoFormError("Its type is none that we know")
    if not isinstance(document.get("data"), dict):
        raise NoFormError('It has no object called "data"')
    builder = _Builder(problems, masked)
    found = [
        builder.members(document["data"], CONTRACTS[name], ("data",), "The request"),
        builder.envelope(document),
    ]
    parts = [part for one in found for part in one.walk()]
    count = sum(1 + len(part.inputs) + len(part.extras) for part in parts)
    if count > MOST:
        raise NoFormError(f"It has {count:,} fields, and a form at most {MOST}")
    return found


class _Builder:
    def __init__(self, problems: Mapping[str, str], masked: bool) -> None:
        self._problems = problems
        self._masked = masked

    def envelope(self, document: dict[str, Node]) -> Section:
        kinds = {
            name: kind for name, kind in fields_of(Event).items() if name not in _FIXED
        }
        section = Section("", "The envelope")
        for name, kind in kinds.items():
            section.inputs.append(self._input(document.get(name), kind, (name,)))
        known = {*kinds, *_FIXED}
        section.extras = self._extras(document, known, ())
        return section

    def members(
        self,
        value: Node | None,
        model: type[BaseModel],
        names: tuple[str | int, ...],
        title: str,
    ) -> Section:
        section = self._section(value, names, title)
        if value is not None and not isinstance(value, dict):
            section.note = "It is no object now; change it in the JSON."
            return section
        found = value or {}
        for name, kind in fields_of(model).items():
            self._add(section, found.get(name), kind, (*names, name))
        section.extras = self._extras(found, fields_of(model), names)
        return section

    def _add(
        self,
        section: Section,
        value: Node | None,
        kind: Kind,
        names: tuple[str | int, ...],
    ) -> None:
        title = _label(names[-1])
        if kind.model is not None:
            section.sections.append(self.members(value, kind.model, names, title))
        elif kind.member is not None:
            section.sections.append(self._list(value, kind.member, names, title))
        elif kind.is_free:
            section.sections.append(self._free(value, names, title))
        else:
            section.inputs.append(self._input(value, kind, names))

    def _list(
        self,
        value: Node | None,
        member: Kind,
        names: tuple[str | int, ...],
        title: str,
    ) -> Section:
        section = self._section(value, names, title)
        if value is not None and not isinstance(value, list):
            section.note = "It is no list now; change it in the JSON."
            return section
        section.grows = not self._is_locked(names)
        section.of_texts = member.model is None
        for number, one in enumerate(value or []):
            self._add(section, one, member, (*names, number))
        for part in section.sections:
            part.title = f"{title}, number {int(part.title)}"
            part.removable = section.grows
        return section

    def _free(
        self, value: Node | None, names: tuple[str | int, ...], title: str
    ) -> Section:
        section = self._section(value, names, title)
        if isinstance(value, dict):
            for name, one in value.items():
                if _is_writable(pointer((*names, name))):
                    section.inputs.append(self._input(one, Kind(str), (*names, name)))
        section.note = "New names are added in the JSON."
        return section

    def _section(
        self, value: Node | None, names: tuple[str | int, ...], title: str
    ) -> Section:
        path = pointer(names)
        problem = self._problems.get(path, "")
        return Section(path, title, present=value is not None, problem=problem)

    def _is_locked(self, names: tuple[str | int, ...]) -> bool:
        return self._masked and not may_be_read(names)

    def _input(
        self, value: Node | None, kind: Kind, names: tuple[str | int, ...]
    ) -> Input:
        path, locked = pointer(names), self._is_locked(names)
        text, note = _shown(value)
        if self._masked and MASK in text and not locked:
            text, note = "", "Its value is masked: it does not look like this field."
        return Input(
            path,
            _label(names[-1]),
            kind,
            text,
            present=value is not None,
            note=note,
            problem=self._problems.get(path, ""),
            locked=locked,
        )

    def _extras(
        self,
        members: dict[str, Node],
        known: Mapping[str, object] | set[str],
        names: tuple[str | int, ...],
    ) -> list[Extra]:
        found = []
        for name, value in members.items():
            if name not in known:
                path = pointer((*names, name))
                text = _shown(value)[0] or "…"
                removable = not self._masked and _is_writable(path)
                shown = formatting.visible(name)[:100]
                found.append(Extra(path, shown, text[:200], removable))
        return found


def _is_writable(path: str) -> bool:
    try:
        checked_path(path)
    except PatchError:
        return False
    return True


def _label(name: str | int) -> str:
    if isinstance(name, int):
        return str(name + 1)
    return formatting.visible(name)[:100].replace("_", " ").capitalize()


def _shown(value: Node | None) -> tuple[str, str]:
    """The text for the input of *value*, and a note if it is of a wrong type."""
    if value is None:
        return "", ""
    if not isinstance(value, Leaf):
        what = "a list" if isinstance(value, list) else "an object"
        return "", f"It holds {what} now. What you type replaces that."
    if value[0] == '"':
        return _plain(value.value), ""
    return ("" if value == Leaf("null") else str(value)), ""


def _plain(text: str) -> str:
    """*text* without characters that no page can hold, which are spelled out."""
    return "".join(
        f"\\u{ord(one):04x}"
        if unicodedata.category(one) == "Cc" and one not in "\t\n\r"
        else one
        for one in formatting.visible(text)
    )
