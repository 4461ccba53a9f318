"""The JSON Patch for one body, made of cases that are written for many bodies.

Two things in a case are ours and in no RFC. In a path, `*` stands for each place of a list:
each place gets the first case that fits it. The step `compute` writes what the contract makes
of the other fields, after the steps before it. Both are replaced by plain steps here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from dlq_review.bodies import exact_json, json_patch
from dlq_review.bodies.computed import computed
from dlq_review.bodies.exact_json import Node
from dlq_review.bodies.json_patch import GUARDS, OtherValueError, PatchError
from dlq_review.bodies.pointers import veiled
from processing.events import strict_json
from processing.events.masking import mask_body

Step = dict[str, Any]
Case = Sequence[Step]
MOST_PLACES = 200  # of a list; our contracts allow a hundred items
ANY = "*"


def check(cases: Sequence[Case]) -> None:
    """Raises PatchError unless all `*` in *cases* stand for the places of one list."""
    listed = {_list_in(path) for case in cases for path in _paths(case)} - {""}
    if any(path.split("/").count(ANY) > 1 for case in cases for path in _paths(case)):
        raise PatchError("Write at most one * in a path.")
    if len(listed) > 1 or listed and not all(map(_has_any, cases)):
        raise PatchError(
            "Where a path holds a *, each case must hold one of that list."
        )


def cases_for(cases: Sequence[Case], body: str, *, masked: bool) -> Sequence[Case]:
    """*cases* without `*`: one for the places of *body* that they fit, if they name any.

    Raises OtherValueError if they fit none, and PatchError.
    """
    if not any(map(_has_any, cases)):
        return cases
    try:
        document = exact_json.loads(mask_body(body) if masked else body)
    except strict_json.UnreadableJSONError:
        return [[]]  # applied to this body, it says why
    return [_bound(cases, document)]


def without_compute(case: Case, body: str, *, masked: bool) -> list[Step]:
    """*case* with the value for *body* in the place of each `compute`. Raises PatchError."""
    found: list[Step] = []
    for step in case:
        found += (
            _computed(found, step, body, masked) if step["op"] == "compute" else [step]
        )
    return found


def _computed(before: list[Step], step: Step, body: str, masked: bool) -> list[Step]:
    path = step["path"]
    # Guards of a person who may not see personal data are not asked of the real body.
    made = [one for one in before if not masked or one["op"] not in GUARDS]
    try:
        document = exact_json.loads(json_patch.apply(made, body))
        old = json_patch.get(document, path)
    except LookupError:
        return []  # it is left out, and the contract computes it
    except strict_json.UnreadableJSONError:
        return [step]  # applied to this body, it says why
    new = computed(document, path)
    if new is None:
        raise PatchError(
            f"{veiled(path)} cannot be computed: another field is wrong. Correct that first."
        )
    if exact_json.same_value(old, exact_json.loads(new)):
        return []
    return [{"op": "replace", "path": path, "json": new}]


def _bound(cases: Sequence[Case], document: Node) -> Case:
    path = next(path for path in _paths(cases[0]) if _list_in(path))
    try:
        places = json_patch.get(document, _list_in(path))
    except LookupError:
        raise OtherValueError(path, "nothing there") from None
    if not isinstance(places, list):
        raise OtherValueError(path, "no list there")
    if len(places) > MOST_PLACES:
        raise PatchError(
            f"The list has {len(places):,} places, and at most {MOST_PLACES} are looked at."
        )
    steps: list[Step] = []
    further: list[Step] = []
    for number in reversed(range(len(places))):  # a removal moves the later ones
        for case in cases:
            here = [_at(step, number) for step in case]
            if _fits(here, document):
                steps += [
                    one for one, step in zip(here, case, strict=True) if one != step
                ]
                further += [one for one in case if not _has_any([one])]
                break
    if not steps:
        raise OtherValueError(path, "in every place of its list")
    return [*steps, *(one for at, one in enumerate(further) if one not in further[:at])]


def _fits(case: Case, document: Node) -> bool:
    guards = [step for step in case if step["op"] in GUARDS]
    try:
        json_patch.make_all(guards, document)
    except OtherValueError:
        return False
    return True


def _at(step: Step, number: int) -> Step:
    named = ("path", "from")
    return {
        name: _with(value, number) if name in named else value
        for name, value in step.items()
    }


def _with(path: str, number: int) -> str:
    return "/".join(str(number) if part == ANY else part for part in path.split("/"))


def _paths(case: Case) -> Iterator[str]:
    for step in case:
        yield from (step[name] for name in ("path", "from") if name in step)


def _has_any(case: Case) -> bool:
    return any(map(_list_in, _paths(case)))


def _list_in(path: str) -> str:
    """The pointer of the list whose places the `*` in *path* stands for; empty if none."""
    before, star, _ = f"{path}/".partition(f"/{ANY}/")
    return before if star else ""
