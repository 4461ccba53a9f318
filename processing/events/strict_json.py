"""Read JSON from strangers, strictly.

`json.loads` alone accepts NaN, lets the last of two equal keys win, reads UTF-16, and
leaves by four different exceptions. `loads` accepts only what every parser agrees on and
raises one. A byte order mark before it is skipped (RFC 8259, 8.1).
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

MAX_DEPTH = 32  # our deepest contract nests 4 levels
# A string. Its closing quote is optional, so that no text costs quadratic time.
STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_MARK = "\ufeff"
_BRACKETS = re.compile(rf"{STRING}|[\[\]{{}}]", re.DOTALL)
TOKEN = re.compile(rf'{STRING}|[\[\]{{}},:]|[^\s\[\]{{}},:"]++', re.DOTALL)


class UnreadableJSONError(ValueError):
    """The text is not JSON that every parser reads alike."""


def loads(text: str | bytes) -> Any:
    """Read *text*. Raises UnreadableJSONError, which says where and why."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        text = text.removeprefix(_MARK)
        _check_depth(text)
        return _READER.decode(text)
    except UnreadableJSONError:
        raise
    except UnicodeDecodeError:
        raise UnreadableJSONError("The text is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise UnreadableJSONError(
            f"Not JSON: {error.msg} at line {error.lineno} column {error.colno}."
        ) from None
    except ValueError:  # an integer of more than 4,300 digits
        raise UnreadableJSONError("A number has too many digits.") from None


def salvage(text: str) -> Any:
    """Read the unambiguous part of a *text* that `loads` refuses; None if there is none.

    Numbers are None, and members that occur twice in an object are left out.
    """
    try:
        text = text.removeprefix(_MARK)
        _check_depth(text)
        return json.loads(
            text,
            strict=False,
            object_pairs_hook=_without_doubles,
            parse_int=_nothing,
            parse_float=_nothing,
            parse_constant=_nothing,
        )
    except ValueError:
        return None


def tokens(text: str) -> Iterator[str]:
    """The tokens of *text*, which `loads` accepts, in their written form."""
    return map(re.Match.group, TOKEN.finditer(text.removeprefix(_MARK)))


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _BRACKETS.finditer(text):
        token = match.group()
        if token in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise UnreadableJSONError(f"Nested more than {MAX_DEPTH} levels deep.")
        elif token in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise UnreadableJSONError(
            f"The key {twice[:100]!a} stands twice in one object."
        )
    return found


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counts = Counter(name for name, _ in pairs)
    return {name: value for name, value in pairs if counts[name] == 1}


def _nothing(_: str) -> None:
    return None


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableJSONError(f"{name} is not a JSON number.")


_READER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
