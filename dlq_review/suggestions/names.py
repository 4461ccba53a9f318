"""Rules about members that the contract does not know: renamed, moved, or to be removed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import BaseModel

from dlq_review.bodies.contract_fields import fields_of
from dlq_review.bodies.exact_json import Node
from processing.events.envelope import Event

_CLOSE = 0.8  # as difflib measures; "custmer_id" and "customer_id" are 0.95
_LONGEST = 60  # characters of a name that is compared
Names = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Misplaced:
    """The member at `old` belongs to `new`; to nowhere if that is None."""

    rule: str
    says: str
    old: Names
    new: Names | None


def misplaced(document: dict[str, Node], model: type[BaseModel]) -> Iterator[Misplaced]:
    """The members of *document* that neither the envelope nor *model* declares there."""
    data = document.get("data")
    data = data if isinstance(data, dict) else {}
    declared = fields_of(model)
    taken: set[Names] = set()
    for name in document:
        if name in fields_of(Event):
            continue
        near = _near(name, [one for one in declared if one not in data])
        if near and ("data", near) not in taken:
            taken.add(("data", near))
            yield Misplaced(
                "moved_field", "moved into the data", (name,), ("data", near)
            )
        else:
            yield from _unknown(document, fields_of(Event), name, (), taken)
    yield from _inside(data, model, ("data",), taken)


def _inside(
    value: Node | None, model: type[BaseModel], path: Names, taken: set[Names]
) -> Iterator[Misplaced]:
    if not isinstance(value, dict):
        return
    declared = fields_of(model)
    for name in value:
        kind = declared.get(name)
        if kind is None:
            yield from _unknown(value, declared, name, path, taken)
        elif kind.model is not None:
            yield from _inside(value[name], kind.model, (*path, name), taken)
        elif (
            kind.member is not None
            and kind.member.model
            and isinstance(value[name], list)
        ):
            for number, one in enumerate(value[name]):
                yield from _inside(one, kind.member.model, (*path, name, number), taken)


def _unknown(
    members: dict[str, Node],
    declared: object,
    name: str,
    path: Names,
    taken: set[Names],
) -> Iterator[Misplaced]:
    free = [one for one in declared if one not in members]  # type: ignore[attr-defined]
    near = _near(name, free)
    if near and (*path, near) not in taken:
        taken.add((*path, near))
        yield Misplaced(
            "field_name", "the name that was meant", (*path, name), (*path, near)
        )
    else:
        yield Misplaced(
            "no_such_field", "removed: there is no such field", (*path, name), None
        )


def _near(name: str, declared: list[str]) -> str:
    """The one of *declared* that is written almost like *name*; empty if there is none."""
    plain = {_plain(one): one for one in declared}
    word = _plain(name[:_LONGEST])
    if word in plain:
        return plain[word]
    near = get_close_matches(word, plain, n=2, cutoff=_CLOSE) if word else []
    return plain[near[0]] if len(near) == 1 else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
