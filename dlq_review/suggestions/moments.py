"""Times in forms that people and programs write, which are not ours.

A form that can be read in two ways, such as 03/04/2026, is not read.
"""

import contextlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

_SECONDS = range(10**9, 10**10)  # 2001 to 2286, as the seconds since 1970
_DAY_FIRST = re.compile(
    r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?[ T](\d{1,2}:\d{2}(?::\d{2})?))?", re.ASCII
)
_SLASHES = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?:[ T](.+))?", re.ASCII)
_MONTHS_NAMED = (
    "%d %B %Y",
    "%d %b %Y",
    "%B %d, %Y",
    "%d %B %Y %H:%M",
    "%d %b %Y %H:%M",
)


def is_moment(annotation: Any) -> bool:
    return annotation is datetime


def read(value: str | Decimal) -> str | None:
    """*value* in ISO 8601, in UTC if it names no zone; None if it cannot be read."""
    found = _since_1970(value) or (_read(value) if isinstance(value, str) else None)
    if found is None:
        return None
    found = found if found.utcoffset() is not None else found.replace(tzinfo=UTC)
    return found.isoformat().replace("+00:00", "Z")


def _since_1970(value: str | Decimal) -> datetime | None:
    if isinstance(value, str) and not (value.isascii() and value.isdecimal()):
        return None
    with contextlib.suppress(ValueError, OverflowError, ArithmeticError):
        number = Decimal(value)
        for divisor in (1, 1000):
            if int(number / divisor) in _SECONDS:
                return datetime.fromtimestamp(float(number / divisor), UTC)
    return None


def _read(text: str) -> datetime | None:
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year, time = match.groups()
        text = f"{year}-{month:0>2}-{day:0>2}T{time or '00:00':0>5}"
    elif match := _SLASHES.fullmatch(text):
        year, month, day, time = match.groups()
        text = f"{year}-{month:0>2}-{day:0>2}T{time or '00:00'}"
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text)
    for form in _MONTHS_NAMED:
        with contextlib.suppress(ValueError):
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller sets UTC
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
        return parsedate_to_datetime(text)
    return None
