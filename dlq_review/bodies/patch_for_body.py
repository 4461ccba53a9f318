"""The JSON Patch for one body, made of cases that are written for many bodies.

Two things in a case are ours and in no RFC. In a path, `*` stands for each place of a list:
each place gets the first case that fits it. The step `compute` writes what the contract makes
of the other fields, after the steps before it. Both are replaced by plain steps here.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, NamedTuple, Self

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
MOST_STEPS = 100  # with a *, each of which is made or asked in each place
ANY = "*"
_PATHS = ("path", "from")


def check(cases: Sequence[Case]) -> None:
    """Raises PatchError unless all `*` in *cases* stand for the places of one list."""
    listed = {_list_in(path) for case in cases for path in _paths(case)} - {""}
    if any(path.split("/").count(ANY) > 1 for case in cases for path in _paths(case)):
        raise PatchError("Write at most one * in a path.")
    if len(listed) > 1 or listed and not all(map(_has_any, cases)):
        raise PatchError(
            "Where a path holds a *, each case must hold one of that list."
        )
    if sum(_has_any([step]) for case in cases for step in case) > MOST_STEPS:
        raise PatchError(f"Write at most {MOST_STEPS} steps with a * in them.")


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
    made = before
    try:
        if masked:  # guards are asked of what this person may see
            json_patch.make_all(before, exact_json.loads(mask_body(body)))
            made = [one for one in before if one["op"] not in GUARDS]
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
    known = [_Case.of(case) for case in cases]
    possible = [case for case in known if _fits(case.guards, document)]
    steps: list[Step] = []
    fitting: list[_Case] = []
    for number in reversed(range(len(places))):  # a removal moves the later ones
        for case in possible:
            if _fits(_at(case.guards_there, number), document):
                steps += _at(case.there, number)
                fitting += [case] if case not in fitting else []
                break
    if not fitting:
        raise OtherValueError(path, "in every place of its list")
    once = {repr(step): step for case in fitting for step in case.once}
    return [*steps, *once.values()]


class _Case(NamedTuple):
    """A case whose guards come first: they are asked before anything changes, and once."""

    guards: Case
    guards_there: Case
    """With a `*`, as `there`."""
    there: Case
    once: Case

    @classmethod
    def of(cls, case: Case) -> Self:
        guards = list(takewhile(lambda step: step["op"] in GUARDS, case))
        changes = case[len(guards) :]
        return cls(
            [step for step in guards if not _has_any([step])],
            [step for step in guards if _has_any([step])],
            [step for step in changes if _has_any([step])],
            [step for step in changes if not _has_any([step])],
        )


def _fits(guards: Case, document: Node) -> bool:
    return all(json_patch.holds(guard, document) for guard in guards)


def _at(case: Case, number: int) -> list[Step]:
    """*case*, each step with a `*`, at one place."""
    return [
        step | {name: _with(step[name], number) for name in _PATHS if name in step}
        for step in case
    ]


def _with(path: str, number: int) -> str:
    return "/".join(str(number) if part == ANY else part for part in path.split("/"))


def _paths(case: Case) -> Iterator[str]:
    for step in case:
        yield from (step[name] for name in _PATHS if name in step)


def _has_any(case: Case) -> bool:
    return any(map(_list_in, _paths(case)))


def _list_in(path: str) -> str:
    """The pointer of the list whose places the `*` in *path* stands for; empty if none."""
    before, star, _ = f"{path}/".partition(f"/{ANY}/")
    return before if star else ""
