"""The difference between two bodies, line by line.

By the greedy algorithm of Myers (An O(ND) Difference Algorithm, 1986), which costs the length
of the texts times the number of changes. Both are bounded, so two bodies that have nothing
in common cost no more than two that are alike; difflib takes seconds for them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dlq_review.bodies import formatting

CONTEXT = 2  # lines around a change
MOST_STEPS = 1_000_000  # of comparing: about 0.2 s
MOST_CHANGES = 400
Look = Callable[[str, str], tuple[str, str]]
_SIGNS = {"add": "+", "del": "-", "same": " "}


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    """add, del, hunk or same."""
    text: str


def diff(before: str, after: str, look: Look | None = None) -> list[Line]:
    """The changed lines and those around them; empty where only the spacing differs.

    *look* prepares both texts for the page. It is not called for texts that are too long.
    """
    if max(len(before), len(after)) > formatting.LONGEST_SHOWN:
        return [Line("hunk", "Too long to compare here; download both.")]
    if look is not None:
        before, after = look(before, after)
    lines = _changes(
        formatting.pretty(before).splitlines(), formatting.pretty(after).splitlines()
    )
    found: list[Line] = []
    length = 0
    for line in _near_changes(lines):
        found.append(line)
        length += len(line.text)
        if length > formatting.LONGEST_SHOWN:
            found[-1] = Line("hunk", "More changed than is shown here; download both.")
            break
    return found


def _near_changes(lines: Sequence[tuple[str, str]]) -> Iterator[Line]:
    """The lines at most CONTEXT away from a change, with a mark for each gap."""
    near: set[int] = set()
    for number, (kind, _) in enumerate(lines):
        if kind != "same":
            near.update(range(number - CONTEXT, number + CONTEXT + 1))
    line = 0  # in the text before the change
    last = -1
    for number, (kind, text) in enumerate(lines):
        line += kind != "add"
        if number not in near:
            continue
        if number != last + 1 or number == 0:
            yield Line("hunk", f"@@ line {max(line, 1)} @@")
        last = number
        yield Line(kind, _SIGNS[kind] + text)


def _changes(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, str]]:
    """All lines of both, each with its kind, in an order that turns *old* into *new*."""
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    a, b = old[start : len(old) - end], new[start : len(new) - end]
    middle = _shortest(a, b)
    if middle is None:
        middle = [("del", line) for line in a] + [("add", line) for line in b]
    same = [("same", line) for line in old]
    return [*same[:start], *middle, *same[len(old) - end :]]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of equal lines at the beginning of both."""
    pairs = enumerate(zip(one, other, strict=False))
    return next(
        (number for number, (a, b) in pairs if a != b), min(len(one), len(other))
    )


def _shortest(a: Sequence[str], b: Sequence[str]) -> list[tuple[str, str]] | None:
    """The shortest list of changes from *a* to *b*; None if it is longer than the limit.

    `reached[k]` is how far in *a* one gets with so many changes on diagonal k, where a line
    of *a* and one of *b* stand k apart.
    """
    most = min(MOST_CHANGES, MOST_STEPS // (len(a) + len(b) + 1))
    reached = {1: 0}
    history: list[dict[int, int]] = []
    for changes in range(most + 1):
        history.append(dict(reached))
        for k in range(-changes, changes + 1, 2):
            x = _entered(reached, k, adding=_adds(reached, k, changes))
            while x < len(a) and x - k < len(b) and a[x] == b[x - k]:
                x += 1
            reached[k] = x
            if x >= len(a) and x - k >= len(b):
                return _way_back(a, b, history)
    return None


def _adds(reached: dict[int, int], k: int, changes: int) -> bool:
    """Whether diagonal *k* is best entered by adding a line, and not by removing one."""
    return k == -changes or (k != changes and reached[k - 1] < reached[k + 1])


def _entered(reached: dict[int, int], k: int, *, adding: bool) -> int:
    return reached[k + 1] if adding else reached[k - 1] + 1


def _way_back(
    a: Sequence[str], b: Sequence[str], history: Sequence[dict[int, int]]
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    x, y = len(a), len(b)
    for changes in range(len(history) - 1, -1, -1):
        k = x - y
        adding = _adds(history[changes], k, changes)
        begun = _entered(history[changes], k, adding=adding)
        found += [("same", line) for line in reversed(a[begun:x])]
        x, y = begun, begun - k
        if changes and adding:
            y -= 1
            found.append(("add", b[y]))
        elif changes:
            x -= 1
            found.append(("del", a[x]))
    return found[::-1]
