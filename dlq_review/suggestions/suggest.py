"""The repairs that are offered for one body. Each is a JSON Patch; none is applied here."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dlq_review.bodies import exact_json, json_patch
from dlq_review.bodies.computed import computed, contract_of
from dlq_review.bodies.contract_fields import Kind, fields_of
from dlq_review.bodies.exact_json import Leaf, Node
from dlq_review.bodies.json_patch import PatchError
from dlq_review.bodies.patch_between import Step
from dlq_review.bodies.pointers import pointer
from dlq_review.suggestions import names, texts
from dlq_review.suggestions.values import Wrong, repaired
from processing.events import strict_json
from processing.events.contract import Contract
from processing.events.envelope import Event
from processing.events.errors import Problem

MOST = 50  # suggestions for one body
_LONGEST_SHOWN = 80  # characters of a value


@dataclass(frozen=True, slots=True)
class Suggestion:
    rule: str
    says: str
    path: str
    before: str
    after: str = ""
    patch: list[Step] = field(default_factory=list)
    text: str = ""
    """The whole body, where the rule is about its text."""

    @property
    def key(self) -> str:
        return f"{self.rule} {self.path}"


def suggestions(body: str, problems: Sequence[Problem]) -> list[Suggestion]:
    """What is offered for *body*, which has *problems*; nothing if it has none."""
    if not problems:
        return []
    try:
        document = exact_json.loads(body)
    except strict_json.UnreadableJSONError:
        whole = texts.closed(body)
        says = "the open brackets closed at the end"
        return [Suggestion("close", says, "", "", text=whole)] if whole else []
    contract = contract_of(document)
    if contract is None or not isinstance(document, dict):
        return []
    found = [*_names(document, contract), *_values(document, contract, problems)]
    found += _computed(document, contract, problems)
    return [one for one in islice(found, MOST) if _is_writable(one.patch)]


def _names(document: dict[str, Any], contract: type[Contract]) -> Iterator[Suggestion]:
    removals = []
    for one in islice(names.misplaced(document, contract), MOST):
        old = pointer(one.old)
        if one.new is None:
            patch = [{"op": "remove", "path": old}]
            removals.append(
                Suggestion(
                    one.rule,
                    one.says,
                    old,
                    str(one.old[-1])[:_LONGEST_SHOWN],
                    patch=patch,
                )
            )
            continue
        new = pointer(one.new)
        patch = (
            []
            if isinstance(document.get("data"), dict) or len(one.new) < 2
            else [{"op": "add", "path": "/data", "json": "{}"}]
        )
        patch.append({"op": "move", "from": old, "path": new})
        yield Suggestion(
            one.rule, one.says, old, str(one.old[-1])[:_LONGEST_SHOWN], new, patch
        )
    yield from removals


def _values(
    document: dict[str, Any], contract: type[Contract], problems: Sequence[Problem]
) -> Iterator[Suggestion]:
    for problem in problems:
        path = problem.names
        value = _at(document, path)
        kind = _kind(contract, path)
        if (
            not isinstance(value, Leaf)
            or kind is None
            or kind.computed
            and _fits(kind, value)
        ):
            continue
        found = repaired(Wrong(value.value, kind))
        if found:
            rule, new = found
            yield _replaced(rule.name, rule.says, pointer(path), value, new)


def _fits(kind: Kind, value: Leaf) -> bool:
    return isinstance(value.value, str) and kind.takes(value.value)


def _computed(
    document: dict[str, Any], contract: type[Contract], problems: Sequence[Problem]
) -> Iterator[Suggestion]:
    """A field that is made of the others, and is not what they make."""
    wrong = {one.names for one in problems}
    for name, kind in fields_of(contract).items():
        path = ("data", name)
        value = _at(document, path)
        if not kind.computed or path not in wrong or not isinstance(value, Leaf):
            continue
        new = computed(document, pointer(path))
        if new is not None:
            says = "computed from the other fields"
            yield _replaced("computed", says, pointer(path), value, json.loads(new))


def _replaced(rule: str, says: str, path: str, old: Leaf, new: Any) -> Suggestion:
    text = json.dumps(new, ensure_ascii=False)
    patch = [{"op": "replace", "path": path, "json": text}]
    return Suggestion(
        rule, says, path, str(old)[:_LONGEST_SHOWN], text[:_LONGEST_SHOWN], patch
    )


def _kind(contract: type[Contract], path: tuple[str, ...]) -> Kind | None:
    if path[:1] == ("data",):
        return Kind(contract).at(path[1:])
    return fields_of(Event).get(path[0]) if len(path) == 1 and path[0] != "id" else None


def _at(document: Node, path: tuple[str, ...]) -> Node | None:
    found: Node | None = document
    for name in path:
        if isinstance(found, list):
            number = int(name) if name.isdecimal() else -1
            found = found[number] if 0 <= number < len(found) else None
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found


def _is_writable(patch: Sequence[Step]) -> bool:
    """Whether each step can name its place: a member's name may hold anything."""
    try:
        for step in patch:
            for name in step.keys() & {"path", "from"}:
                json_patch.checked_path(step[name])
    except PatchError:
        return False
    return True


def applied(chosen: Sequence[Suggestion], body: str) -> str:
    """*body* with all of *chosen* made, in their order. Raises PatchError."""
    if any(one.text for one in chosen):
        return chosen[0].text
    if not chosen:
        return body
    return json_patch.apply([step for one in chosen for step in one.patch], body)
