"""One address, as the product compares addresses, in every spelling that a text may hold.

A program may write each letter as an escape of JSON, of an address (%40), of HTML or of a
mail, and one around another. So the pattern is made of one alternative for each spelling of
each letter.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from html.entities import codepoint2name
from typing import Any

import idna
from django.db.models import CharField, JSONField, Q, TextField
from django.db.models.functions import Cast
from django.utils.crypto import salted_hmac
from pydantic import TypeAdapter, ValidationError

from processing.events.field_types import Email

_ADDRESS: TypeAdapter[str] = TypeAdapter(Email)
# An escape around an escape, to a depth that bounds the time for any text.
_BACKSLASH = r"(?:\\|%5c){1,8}"
_PERCENT = r"%(?:25){0,4}"
_AND = r"&(?:amp;){0,4}"
_BETWEEN = "[\u00ad\u200b-\u200d\u2060\ufeff]{0,4}"  # nobody sees these
_DOTS = ("\u3002", "\uff0e", "\uff61")  # UTS 46 reads them as dots
#: What may hide a letter from the database's own search.
_ESCAPED = "[\\\\%&=\u00ad\u200b-\u200d\u2060\ufeff\u3002\uff00-\uffef]"
_HIDING = re.compile(_ESCAPED)
_ONE_BEFORE = re.compile(
    rf"(?:{_PERCENT}(?P<percent>[0-9a-f]{{2}})|{_BACKSLASH}u(?P<json>[0-9a-f]{{4}})"
    rf"|{_BACKSLASH}(?P<line>[nrtbf])|{_AND}(?P<html>#?\w{{1,9}};)|(?P<plain>.))\Z",
    re.IGNORECASE | re.DOTALL,
)
_ONE_AFTER = re.compile(
    rf"{_PERCENT}(?P<percent>[0-9a-f]{{2}})|{_BACKSLASH}u(?P<json>[0-9a-f]{{4}})"
    rf"|(?P<line>\\)|{_AND}(?P<html>#?\w{{1,9}};)|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_ESCAPE = 24  # characters


class NoAddressError(ValueError):
    """That is no address. Write one, such as name@example.com."""


class Address:
    def __init__(self, text: str) -> None:
        """Raises NoAddressError."""
        canonical = canonical_of(text)
        if canonical is None:
            raise NoAddressError(NoAddressError.__doc__)
        self.canonical = canonical
        self.person = salted_hmac(
            "dlq_review.forget", canonical, algorithm="sha256"
        ).hexdigest()
        """A keyed hash: it tells two persons apart, and nobody finds the address by it."""
        self.pseudonym = f"forgotten-{self.person[:16]}"
        self.pseudonymous_email = f"{self.pseudonym}@forgotten.invalid"

    def is_in(self, text: str) -> bool:
        return any(self._spans(text))

    def replaced(self, text: str) -> str:
        """*text* with the pseudonym in place of the address."""
        parts, last = [], 0
        for start, end in self._spans(text):
            parts += [text[last:start], self.pseudonym]
            last = end
        return "".join([*parts, text[last:]])

    def replaced_in(self, value: Any) -> Any:
        """A value of JSON, with the pseudonym in its texts and names."""
        if isinstance(value, str):
            return self.replaced(value)
        if isinstance(value, list):
            return [self.replaced_in(one) for one in value]
        if isinstance(value, dict):
            return {
                self.replaced(name): self.replaced_in(one)
                for name, one in value.items()
            }
        return value

    def is_(self, value: object) -> bool:
        """Whether *value* is the address itself, as the product compares it."""
        return isinstance(value, str) and canonical_of(value) == self.canonical

    @cached_property
    def spellings(self) -> set[str]:
        """The address with its domain in ASCII, and as people read it."""
        local, _, domain = self.canonical.rpartition("@")
        read = ".".join(map(_read, domain.split(".")))
        forms = {
            domain,
            *(unicodedata.normalize(form, read) for form in ("NFC", "NFD")),
        }
        return {f"{local}@{one}" for one in forms}

    @cached_property
    def _plain(self) -> re.Pattern[str]:
        """For the many texts without an escape; ten times as fast."""
        return re.compile(re.escape(self.canonical), re.IGNORECASE)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(
            "|".join(
                _BETWEEN.join(map(_spelled, one)) for one in sorted(self.spellings)
            ),
            re.IGNORECASE,
        )

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        plain = text.isascii() and not _HIDING.search(text)
        pattern = self._plain if plain else self._pattern
        for found in pattern.finditer(text):
            if not _begins_earlier(text, found.start()) and not _goes_on(
                text, found.end()
            ):
                yield found.span()

    def may_be_in(self, field: CharField | TextField | JSONField) -> Q:
        """The rows whose *field*, annotated as text by `as_text`, may hold the address."""
        runs = re.findall(r"[a-z0-9]+", self.canonical.rpartition("@")[0])
        longest = max(runs, key=len, default="@")
        name = text_name(field)
        return Q(**{f"{name}__icontains": longest}) | Q(**{f"{name}__regex": _ESCAPED})


def text_name(field: Any) -> str:
    return f"{field.name}_as_text"


def as_text(field: Any) -> dict[str, Cast]:
    return {text_name(field): Cast(field.name, TextField())}


def canonical_of(text: str) -> str | None:
    """The one spelling by which the product compares *text*; None if it is no address."""
    try:
        return _ADDRESS.validate_python(text)
    except ValidationError:
        return None


def _read(label: str) -> str:
    try:
        return idna.ulabel(label)
    except idna.IDNAError:
        return label


def _spelled(char: str) -> str:
    """A pattern for every spelling of *char*."""
    forms = {char, char.upper(), char.lower()}
    forms |= {chr(ord(one) + 0xFEE0) for one in forms if "!" <= one <= "~"}
    if char == ".":
        forms |= {*_DOTS}
    one_each = [form for form in forms if len(form) == 1]
    return f"(?:{'|'.join(part for form in sorted(one_each) for part in _parts(form))})"


def _parts(char: str) -> Iterator[str]:
    yield re.escape(char)
    units = char.encode("utf-16-be")
    yield "".join(
        f"{_BACKSLASH}u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)
    )
    for sign in (_PERCENT, "="):  # as in an address, and in a mail
        yield "".join(f"{sign}{byte:02x}" for byte in char.encode())
    yield f"{_AND}#0*{ord(char)};?"
    yield f"{_AND}#x0*{ord(char):x};?"
    names = {".": "period", "@": "commat", "-": "hyphen", "_": "lowbar", "+": "plus"}
    name = names.get(char) or codepoint2name.get(ord(char))
    if name:
        yield f"{_AND}{name};"


def _begins_earlier(text: str, start: int) -> bool:
    """Whether a longer address ends here, as joann@... does in a search for ann@..."""
    before = _one(_ONE_BEFORE.search(text, max(0, start - _LONGEST_ESCAPE), start))
    if before.isalnum():
        return True
    # A mark may belong to a longer name, or stand before this one: jo.ann@, 'ann@.
    if before and before in ".+_-'!#$^~*":
        first = _ONE_BEFORE.search(text, max(0, start - _LONGEST_ESCAPE), start - 1)
        return _one(first).isalnum()
    return False


def _goes_on(text: str, end: int) -> bool:
    """Whether the domain is longer, as x.io.uk is in a search for x.io."""
    found = _ONE_AFTER.match(text, end)
    after = _one(found)
    if found is not None and after in ("-", ".", "\u3002"):
        after = _one(_ONE_AFTER.match(text, found.end()))
    return after.isalnum()


def _one(found: re.Match[str] | None) -> str:
    """The character that an escape stands for; empty at the end of a text."""
    if found is None:
        return ""
    kind, code = found.lastgroup, found[found.lastgroup or 0]
    if kind in ("percent", "json"):
        char = chr(int(code, 16))
        return (
            "a" if kind == "percent" and char > "\x7f" else char
        )  # a part of a letter
    if kind == "line":
        return "\n"
    return html.unescape(f"&{code}")[:1] if kind == "html" else code
