"""Conditions on a letter: on the fields of its body, such as `data.items[*].sku=TEA-1`.

A condition is a path and, unless it only asks whether something is there, an operator and
a value. A path is names with dots, `[2]` for the third of a list, `[*]` for any of them and
`["a name"]` for a name with other characters; `$.` may stand before it, as in JSONPath.
`=` `!=` `<` `<=` `>` `>=` compare (numbers by value, all else as text, which sorts dates),
`~` means contains, in capitals or not. `!` before a path means that the field is missing.
If a path leads to several values, one that matches is enough; `!=` is the opposite of `=`.
`@` before a path means what is known around the body, such as `@release=r1`
(search/circumstances.py).
"""

import functools
import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from dlq_review.errors import ReviewError
from processing.events import strict_json

LONGEST = 500  # characters
_ROOT = re.compile(r"\$(?=\.|\[)")
_STEP = re.compile(
    r'\.?(?P<name>[A-Za-z_][\w-]*)|\[(?P<index>\d{1,6}|\*)\]|\[(?P<quoted>"[^"\\]*")\]'
)
_PLAIN = re.compile(r"[A-Za-z_][\w-]*")
_COMPARISON = re.compile(r"\s*(!=|<=|>=|==?|<|>|~)\s*(.*)", re.DOTALL)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class FieldError(ReviewError):
    """That is no condition on a field."""


class _Any:
    """The step `[*]`."""


@dataclass(frozen=True, slots=True)
class Condition:
    steps: tuple[str | int | type[_Any], ...]
    op: str = ""
    """Empty: it asks whether there is anything at all."""
    value: str = ""
    opposite: bool = False
    around: bool = False
    """It asks for a circumstance of the letter, and not for a field of its body."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read *text* as a condition. Raises FieldError, which says what to correct."""
        if len(text) > LONGEST:
            raise FieldError(f"A condition has at most {LONGEST} characters.")
        rest = text.strip()
        absent, rest = rest.startswith("!"), rest.removeprefix("!").lstrip()
        around, rest = rest.startswith("@"), rest.removeprefix("@")
        steps, rest = _steps(rest)
        if not rest.strip():
            return cls(steps, opposite=absent, around=around)
        found = _COMPARISON.fullmatch(rest)
        if found is None or absent:
            raise FieldError(
                f"{rest[:40]!r} in {text[:80]!r} is not understood. "
                "After a path may stand =, !=, <, <=, >, >= or ~ and a value."
            )
        op, value = found[1].replace("==", "="), _unquoted(found[2].strip())
        if op not in ("=", "!=") and not value:
            raise FieldError(f"A value is missing after {op} in {text[:80]!r}.")
        if op == "!=":
            return cls(steps, "=", value, opposite=True, around=around)
        return cls(steps, op, value, around=around)

    def holds(self, document: Any) -> bool:
        found = _found([document], self.steps)
        test = _TESTS.get(self.op, _in_order)
        return any(test(one, self) for one in found) is not self.opposite


def holds(
    conditions: Iterable[Condition], body: str, around: Mapping[str, Any] | None = None
) -> bool:
    """Whether all *conditions* hold for *body* and what is known *around* it.

    One on a field never holds for a body that is not JSON.
    """
    asked = list(conditions)
    if not all(one.holds(around or {}) for one in asked if one.around):
        return False
    on_fields = [one for one in asked if not one.around]
    try:
        document = strict_json.loads(body) if on_fields else None
    except strict_json.UnreadableJSONError:
        return False
    return all(one.holds(document) for one in on_fields)


def path(steps: Iterable[str | None]) -> str:
    """*steps* as a condition writes them; None stands for any place in a list."""
    return functools.reduce(under, steps, "")


def under(above: str, step: str | None) -> str:
    """The path of *step* in what stands at the path *above*."""
    if step is None:
        return f"{above}[*]"
    if _PLAIN.fullmatch(step):
        return f"{above}.{step}" if above else step
    return f"{above}[{json.dumps(step, ensure_ascii=False)}]"


def _steps(text: str) -> tuple[tuple[str | int | type[_Any], ...], str]:
    """Split *text* into the path that it begins with and the rest."""
    at = len(found[0]) if (found := _ROOT.match(text)) else 0
    steps: list[str | int | type[_Any]] = []
    while found := _STEP.match(text, at):
        at = found.end()
        if found["name"] is not None:
            steps.append(found["name"])
        elif found["quoted"] is not None:
            steps.append(found["quoted"][1:-1])
        else:
            steps.append(_Any if found["index"] == "*" else int(found["index"]))
    if not steps:
        raise FieldError(
            f"{text[:40]!r} does not begin with a path, such as data.items[*].sku."
        )
    return tuple(steps), text[at:]


def _found(
    values: Iterable[Any], steps: tuple[str | int | type[_Any], ...]
) -> Iterator[Any]:
    """The values that *steps* lead to from each of *values*."""
    for step in steps:
        values = [after for value in values for after in _after(value, step)]
    yield from values


def _after(value: Any, step: str | int | type[_Any]) -> Iterable[Any]:
    if isinstance(value, dict):
        if step is _Any:
            return value.values()
        return (value[step],) if isinstance(step, str) and step in value else ()
    if isinstance(value, list):
        if step is _Any:
            return value
        return value[step : step + 1] if isinstance(step, int) else ()
    return ()


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def text_of(value: Any) -> str | None:
    """*value* as a condition writes it; None for an object or a list."""
    if isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _equal(value: Any, wanted: Condition) -> bool:
    if text_of(value) == wanted.value:
        return True
    if isinstance(value, str) or text_of(value) is None:
        return False
    number = _number(json.dumps(value))
    return number is not None and number == _number(wanted.value)


def _contains(value: Any, wanted: Condition) -> bool:
    return wanted.value.lower() in (text_of(value) or "").lower()


def _in_order(value: Any, wanted: Condition) -> bool:
    text = text_of(value)
    if text is None or value is None or isinstance(value, bool):
        return False
    number, other = _number(text), _number(wanted.value)
    if number is not None and other is not None:
        return _ORDERS[wanted.op](number, other)
    return isinstance(value, str) and _ORDERS[wanted.op](text, wanted.value)


_TESTS: dict[str, Callable[[Any, Condition], bool]] = {
    "": lambda value, wanted: True,
    "=": _equal,
    "~": _contains,
}
