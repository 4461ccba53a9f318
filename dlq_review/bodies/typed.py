"""What a person typed into the form of a body, as a JSON Patch on that body."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from dlq_review.bodies.contract_fields import Kind
from dlq_review.bodies.inputs import Input, Section
from dlq_review.bodies.patch_between import Step
from dlq_review.bodies.pointers import names_of

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)


def steps(
    form: Sequence[Section], sent: Mapping[str, str], dropped: Sequence[str] = ()
) -> list[Step]:
    """The steps for each input whose text in *sent* is not what the form showed.

    An input that was not sent keeps its value. *dropped* are the pointers of members to
    remove.
    """
    sections = [part for one in form for part in one.walk()]
    written = [step for part in sections for step in _written(part, sent)]
    emptied = [
        one.pointer
        for part in sections
        for one in part.inputs
        if _is_emptied(one, sent)
    ]
    known = {extra.pointer for part in sections for extra in part.extras}
    known |= {part.pointer for part in sections if part.removable}
    gone = {*emptied, *(one for one in dropped if one in known)}
    return written + removals(gone)


def removals(pointers: set[str]) -> list[Step]:
    """The steps that remove these parts; of a list the last first, so that all are found."""
    return [
        {"op": "remove", "path": path}
        for path in sorted(pointers, key=_place, reverse=True)
    ]


def grown(form: Sequence[Section], path: str) -> list[Step]:
    """The steps that add an empty member to the list at *path*."""
    for part in (part for one in form for part in one.walk()):
        if part.grows and part.pointer == path:
            member = '""' if part.of_texts else "{}"
            start = [] if part.present else [_step("add", path, "[]")]
            return [*start, _step("add", f"{path}/-", member)]
    return []


def left_empty(form: Sequence[Section], known: Sequence[Section]) -> list[Step]:
    """The steps that remove members that were added to *known*, and left empty in *form*."""
    there = {
        one for part in known for section in part.walk() for one in _members(section)
    }
    empty = {
        one
        for part in form
        for section in part.walk()
        for one in _empty_members(section)
        if one not in there
    }
    return removals(empty)


def _members(section: Section) -> Iterator[str]:
    if section.grows:
        yield from (one.pointer for one in section.inputs)
        yield from (one.pointer for one in section.sections)


def _empty_members(section: Section) -> Iterator[str]:
    if section.grows:
        yield from (one.pointer for one in section.inputs if not one.shown)
        yield from (one.pointer for one in section.sections if one.is_empty)


def _place(path: str) -> list[tuple[int, int, str]]:
    return [
        (1, int(name), "") if name.isdecimal() else (0, 0, name)
        for name in names_of(path)
    ]


def _written(section: Section, sent: Mapping[str, str]) -> Iterator[Step]:
    began = section.present
    for one in section.inputs:
        text = _changed(one, sent)
        if not text:
            continue
        if not began:
            began = True
            yield _step("add", section.pointer, "{}")
        yield _step(
            "replace" if one.present else "add", one.pointer, _json(text, one.kind)
        )


def _changed(one: Input, sent: Mapping[str, str]) -> str | None:
    """The text that replaces what was shown; None if it is the same."""
    if one.locked or one.pointer not in sent:
        return None
    text = one.as_sent(sent[one.pointer])
    if text == one.as_sent(one.shown):
        return None
    return text if one.kind.is_long else text.strip()


def _is_emptied(one: Input, sent: Mapping[str, str]) -> bool:
    return _changed(one, sent) == "" and one.present and bool(one.shown)


def _json(text: str, kind: Kind) -> str:
    if kind.is_whole and _WHOLE.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _step(op: str, path: str, value: str) -> Step:
    return {"op": op, "path": path, "json": value}
