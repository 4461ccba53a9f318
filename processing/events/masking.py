"""Mask personal data: every parsed value that no contract declares public.

A body that cannot be parsed is masked whole. A public value is shown only if it is plain,
as ids, amounts and times are, so a name in the place of an order id is masked. Names of
fields that no contract knows are shown if they read like a program's. Masking takes linear
time in the size of the body and of the text.
"""

import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

from processing.events import strict_json
from processing.events.shapes import ATTRIBUTES, HIDDEN, Shape, shape_in

MASK = "•••"
CHANGED = "\u2063"  # for comparisons; people do not see it
Hide = Callable[[str], str]
_PLAIN = re.compile(r"[A-Za-z0-9._:/+,-]{0,64}")
_NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,39}")
_DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})+")
_WRITTEN_AT = r"(?:@|\uff20|\ufe6b|%40|\\u0040|&#64;|&#x40;)"
_AT = re.compile(_WRITTEN_AT, re.IGNORECASE)
_END = r"\s@<>()\[\],;:\"\uff20\ufe6b"
# Matches cannot begin inside one another, so no text costs quadratic time.
_ADDRESS = re.compile(
    rf'(?P<local>"[^"\n]{{1,64}}+"|(?<![^{_END}])(?:(?!{_WRITTEN_AT})[^{_END}])++)'
    rf"{_WRITTEN_AT}(?P<domain>\[[^\]\s]*+\]?|[\w-]++(?:\.[\w-]++)*+)",
    re.IGNORECASE,
)
_PART = re.compile(
    rf'({strict_json.STRING})\s*+:|({strict_json.STRING}|[\[\]{{}}]|[^\s\[\]{{}},:"]++)',
    re.DOTALL,
)


def mask_body(body: str) -> str:
    """*body* token for token, with all values masked that are not public."""
    return _masked(body, mask_value)


def mask_both(before: str, after: str) -> tuple[str, str]:
    """Mask both.

    A masked value of *after* that is not in *before* ends with CHANGED, so that a
    comparison shows the change.
    """
    known: set[str] = set()

    def learn(value: str) -> str:
        known.add(value)
        return mask_value(value)

    def compare(value: str) -> str:
        return mask_value(value) + ("" if value in known else CHANGED)

    first, second = _masked(before, learn), _masked(after, compare)
    unreadable = first == second == MASK and before != after
    return first, second + CHANGED if unreadable else second


def _masked(text: str, hide: Hide, shape: Shape | None = None) -> str:
    try:
        return walk(text, hide, shape)
    except strict_json.UnreadableJSONError:
        return MASK if text else ""


def walk(text: str, hide: Hide, shape: Shape | None = None) -> str:
    """Replace each hidden value of *text* by *hide* of it. Raises UnreadableJSONError."""
    document = strict_json.loads(text)
    shape = shape_in(document) if shape is None else shape
    return _PART.sub(_Walk(shape, hide).step, text.removeprefix("\ufeff"))


class _Walk:
    """The state of a walk over JSON tokens: its position, and the shape at that position."""

    def __init__(self, shape: Shape, hide: Hide) -> None:
        self._hide = hide
        self._shape = shape
        self._around: list[Shape] = []
        self._hidden_names: list[int] = []
        # A megabyte may repeat one value half a million times, so each result is cached.
        self._values: dict[bool, dict[str, str]] = {True: {}, False: {}}

    def step(self, match: re.Match[str]) -> str:
        name, token = match.groups()
        if name is not None:
            return self._name(name) + match[0][len(name) :]
        if token in ("{", "["):
            self._around.append(self._shape)
            self._hidden_names.append(0)
            self._shape = self._shape.inside
        elif token in ("}", "]"):
            self._shape = self._around.pop()  # of the next in a list too
            self._hidden_names.pop()
        else:
            values = self._values[self._shape.public]
            if token not in values:
                values[token] = self._value(token)
            return values[token]
        return token

    def _name(self, token: str) -> str:
        name = _text(token)
        self._shape, shown = member(self._around[-1], name)
        if shown:
            return token
        self._conceal(name, token)
        self._hidden_names[-1] += 1
        # Numbered, because a name may occur only once in an object.
        return f'"{MASK}{self._hidden_names[-1]}"'

    def _value(self, token: str) -> str:
        if token == "null":
            return token
        value = _text(token)
        if self._shape.public and _PLAIN.fullmatch(value):
            return token
        return json.dumps(self._hidden(value, token), ensure_ascii=False)

    def _hidden(self, value: str, token: str) -> str:
        if value.startswith(("{", "\ufeff{")):  # as SNS puts an event into its own
            with contextlib.suppress(strict_json.UnreadableJSONError):
                return walk(value, self._hide)
        return self._conceal(value, token)

    def _conceal(self, value: str, token: str) -> str:
        if "\\" in token:  # a text may repeat its written form, as in O\u0027Brien
            self._hide(token[1:-1])
        return self._hide(value)


def _text(token: str) -> str:
    """The value of a string *token*; the text of any other token."""
    if token[0] != '"':
        return token
    text: str = json.loads(token) if "\\" in token else token[1:-1]
    return text


def member(around: Shape, name: str) -> tuple[Shape, bool]:
    """The shape of the member *name* of an object, and whether its name may be shown."""
    known = around.fields.get(name)
    if known is not None:
        return known, True
    if around.free:
        return around, False
    return HIDDEN, _NAME.fullmatch(name) is not None


def shows(shape: Shape, value: Any) -> bool:
    """Whether a body with the parsed *value* at *shape*, no object or list, is shown with it."""
    text = value if isinstance(value, str) else json.dumps(value)
    if value is None or (shape.public and _PLAIN.fullmatch(text)):
        return True
    if not text.startswith("{"):
        return False
    try:
        return walk(text, lambda _: MASK) == text
    except strict_json.UnreadableJSONError:
        return False


def mask_value(value: str) -> str:
    """Mask one value: shorten an address, as in a…@example.com; hide anything else."""
    local, _, domain = value.rpartition("@")
    whole = local.startswith('"') or not re.search(r"\s", local)
    if local and whole and len(value) <= 254 and _DOMAIN.fullmatch(domain):
        return _shortened(local, domain)
    return MASK


def mask_reference(reference: str) -> str:
    """Mask the reference of a letter, except an order id."""
    return reference if _PLAIN.fullmatch(reference) else mask_value(reference)


def mask(text: str) -> str:
    """Shorten everything in *text* that looks like an address."""
    if not _AT.search(text):
        return text

    def shorten(found: re.Match[str]) -> str:
        local = found["local"]
        plain = any(map(str.isalnum, local)) and not re.fullmatch(r".?…", local)
        return _shortened(local, found["domain"]) if plain else found[0]

    return _ADDRESS.sub(shorten, text)


def _shortened(local: str, domain: str) -> str:
    # The first of two letters would reveal too much.
    first = local[0] if local[0].isalnum() and len(local) > 2 else ""
    return f"{first}…@{domain}"


def mask_attribute(name: str, value: object) -> str:
    """Mask the message attribute *name*, unless we know that it is public."""
    if not isinstance(value, str):
        return MASK
    if name in ("failure", "redrive"):
        return _masked(value, mask_value, ATTRIBUTES)
    known = name in ATTRIBUTES.fields and _PLAIN.fullmatch(value)
    return value if known else MASK


def mask_name(name: str) -> str:
    """Mask the name of a field or an attribute, unless it reads like a program's."""
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,39}", name) else MASK
