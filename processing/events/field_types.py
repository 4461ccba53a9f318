"""The field types that contracts are made of. Each refuses with a sentence."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Annotated, Any

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from processing.events import timestamps

_MOST_DIGITS = 9
_MONEY = re.compile(rf"[0-9]{{1,{_MOST_DIGITS}}}(\.[0-9]{{1,2}})?", re.ASCII)
_BIDI_CONTROLS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NONCHARACTERS = {"\ufffe", "\uffff"}  # SQS refuses a message that holds one


@dataclass(frozen=True, slots=True)
class Public:
    """Marks a field that is no personal data. Fields without the mark are masked."""


def _refuse(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("refused", sentence)


def _money(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        value = str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise _refuse('Write the amount as text, such as "12.50".')
    if value.isascii() and value.isdigit() and len(value) > _MOST_DIGITS:
        raise _refuse("Write an amount below 1,000,000,000.")
    if not _MONEY.fullmatch(value):
        raise _refuse("Write an amount such as 12.50, with at most two decimals.")
    return Decimal(value).quantize(Decimal("0.01"))


def _price(amount: Decimal) -> Decimal:
    if not amount:
        raise _refuse("Write an amount of 0.01 or more.")
    return amount


def _characters(text: str, allowed: str) -> str:
    for char in text:
        kind = unicodedata.category(char)
        if kind == "Cs" or char in _BIDI_CONTROLS or char in _NONCHARACTERS:
            raise _refuse(f"Remove the character U+{ord(char):04X}.")
        if kind == "Cc" and char not in allowed:
            raise _refuse(f"Remove the control character U+{ord(char):04X}.")
    return text


_MARKS_ON_ONE_LETTER = 8  # the most any living script writes is about four


def _line(text: str) -> str:
    text = _characters(text, allowed="").strip()
    if not any(unicodedata.category(char) not in ("Cf", "Zs", "Mn") for char in text):
        raise _refuse("Write something here.")
    marks = "".join("m" if unicodedata.combining(char) else " " for char in text)
    if "m" * (_MARKS_ON_ONE_LETTER + 1) in marks:
        raise _refuse("Use fewer accents on one letter.")
    return text


def _paragraphs(text: str) -> str:
    return _characters(text, allowed="\n\t")


def _matching(
    pattern: str, sentence: str, **limits: int
) -> tuple[AfterValidator, WithJsonSchema]:
    shape = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not shape.fullmatch(text):
            raise _refuse(sentence)
        return text

    described = {"type": "string", "pattern": f"^{pattern}$", **limits}
    return AfterValidator(check), WithJsonSchema(described)


_LONGEST_LOCAL = 64  # characters before the @ (RFC 5321)
_LONGEST_EMAIL = 254


def _email(text: str) -> str:
    """Lower case, with the domain in its ASCII form: one spelling per mailbox.

    The mail server gets exactly the accepted address as recipient.
    """
    local, _, domain = text.strip().rpartition("@")
    if not local.isascii():  # it would need SMTPUTF8, which many servers do not speak
        raise _refuse("Use only plain letters before the @ of the address.")
    if len(local) > _LONGEST_LOCAL:
        raise _refuse(f"Write at most {_LONGEST_LOCAL} characters before the @.")
    try:
        text = f"{local}@{_ascii_domain(domain)}".lower()
        _validate(text)
    except (ValidationError, UnicodeError):
        raise _refuse(_ONE_ADDRESS) from None
    if "[" in domain or not local.isprintable() or not _stays_as_it_is(text):
        raise _refuse(_ONE_ADDRESS)
    if len(text) > _LONGEST_EMAIL:
        raise _refuse(
            f"Write at most {_LONGEST_EMAIL} characters; in a domain, a letter beyond a to z counts as several."
        )
    return text


# `localhost` would be the mail server itself.
_validate = EmailValidator(allowlist=[])
_ONE_ADDRESS = "Write one address, such as name@example.com."


def _ascii_domain(domain: str) -> str:
    """By IDNA 2008.

    Python's codec turns `straße` into `strasse`, another owner's domain.
    """
    if domain.isascii():
        return domain
    labels = idna.uts46_remap(domain, std3_rules=True).split(".")
    return ".".join(idna.alabel(label).decode("ascii") for label in labels)


def _stays_as_it_is(address: str) -> bool:
    """Whether mail software reads *address* literally, unlike `=?utf-8?q?eve?=@`."""
    if '"' not in address and "=?" not in address:
        return True
    try:
        return Address(addr_spec=address).addr_spec == address
    except (HeaderParseError, ValueError, IndexError):
        return False


def _amount_schema(pattern: str, least: int) -> WithJsonSchema:
    text = {"type": "string", "pattern": pattern}
    whole = {"type": "integer", "minimum": least, "maximum": 10**_MOST_DIGITS - 1}
    return WithJsonSchema({"anyOf": [text, whole]})


Money = Annotated[
    Decimal,
    BeforeValidator(_money),
    PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str),
    _amount_schema(f"^{_MONEY.pattern}$", 0),
]
"""0.00 to 999,999,999.99 with two decimals; on the wire always text."""

Price = Annotated[
    Money,
    AfterValidator(_price),
    _amount_schema(rf"^(?!0+(\.0+)?$){_MONEY.pattern}$", 1),
]
"""Money of 0.01 or more."""

Moment = Annotated[datetime, BeforeValidator(timestamps.checked)]
"""A time with its zone; on the wire ISO 8601."""

PastMoment = Annotated[Moment, AfterValidator(timestamps.not_ahead)]
"""A time in the past, at which something happened."""

Name = Annotated[str, Field(max_length=200), AfterValidator(_line)]
ShortLine = Annotated[str, Field(max_length=100), AfterValidator(_line)]
Paragraphs = Annotated[
    str, Field(min_length=1, max_length=20_000), AfterValidator(_paragraphs)
]
Email = Annotated[
    str,
    Field(max_length=_LONGEST_EMAIL, json_schema_extra={"format": "email"}),
    AfterValidator(_email),
]
_NUMBER = "Use 1 to 64 letters, digits, or any of {}, the first a letter or digit."
RequestId = Annotated[
    str,
    *_matching(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", _NUMBER.format(". _ : -")),
]
"""The idempotency key: up to 64 letters, digits, or one of . _ : -"""

Reference = Annotated[
    str,
    *_matching(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", _NUMBER.format(". _ / -")),
]
"""A business number such as an order id: up to 64 letters, digits, or one of . _ / -"""

OrderId = Annotated[
    str,
    Field(max_length=64),
    *_matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]*(/\.*[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
        f"{_NUMBER.format('. _ / -')} After each / comes one that is no dot.",
        maxLength=64,
    ),
]
"""A Reference that may stand in an address: no client or proxy makes another one of it.

`/orders/A/../B` is sent as `/orders/B`, and `/orders/A//B` as `/orders/A/B`.
"""

Phone = Annotated[
    str,
    *_matching(
        r"\+?[0-9 ()-]{5,30}", "Write a phone number, such as +44 20 7946 0958."
    ),
]
Country = Annotated[
    str, *_matching(r"[A-Z]{2}", "Write the two capital letters, such as GB.")
]
