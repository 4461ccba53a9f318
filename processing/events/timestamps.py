"""Read times from others, and refuse those that cannot be stored.

PostgreSQL and SQLite store every time between EARLIEST and LATEST and give it back, and any
zone can show it. Python and psycopg know only the years 1 to 9999, which an offset alone
can leave.
"""

import contextlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
#: How far a clock may be ahead of ours. A queue allows more than the front door, so that no
#: worker refuses an event that another machine's clock accepted.
AHEAD = timedelta(minutes=5)
_CLOCKS_OF_OURS = timedelta(minutes=1)
ON_A_QUEUE = {"on_a_queue": True}
"""The validation context for events that were accepted already."""
_LEAP_SECOND = re.compile(r"(.{10}[T ][0-9]{2}:[0-9]{2}):60(.*)", re.ASCII)


def checked(value: Any) -> datetime:
    """Convert *value*, a text or a time, to a time with its zone.

    Raises PydanticCustomError.
    """
    moment = _read(value.upper()) if isinstance(value, str) else value
    zone = moment.utcoffset() if isinstance(moment, datetime) else None
    if not isinstance(moment, datetime) or zone is None:
        raise _refusal(
            'Write the time with its zone, such as "2026-11-20T10:00:00+00:00".'
        )
    if zone % timedelta(minutes=1):
        raise _refusal("Write the zone in hours and minutes, such as +01:00.")
    if not EARLIEST <= moment <= LATEST:
        raise _refusal("Write a time between the years 1900 and 9999.")
    # PostgreSQL takes no offset of 16 hours, which RFC 3339 allows and no country has.
    return moment if abs(zone) < timedelta(hours=16) else moment.astimezone(UTC)


def past(value: Any) -> datetime | None:
    """Convert *value* to a time in the past; None if it is none."""
    with contextlib.suppress(PydanticCustomError):
        moment = checked(value)
        return moment if moment <= datetime.now(UTC) else None
    return None


def not_ahead(moment: datetime, info: ValidationInfo) -> datetime:
    limit = AHEAD + (_CLOCKS_OF_OURS if info.context else timedelta())
    if moment - datetime.now(UTC) > limit:
        raise _refusal(
            "This time lies more than 5 minutes ahead of our clock. Write when it happened."
        )
    return moment


def _read(text: str) -> datetime | None:
    """Parse *text*, in capital letters; None if it is no time."""
    leap = _LEAP_SECOND.fullmatch(text)
    with contextlib.suppress(ValueError, OverflowError):
        if not leap:
            return datetime.fromisoformat(text)
        # As PostgreSQL has it, a leap second is the second after it.
        after = datetime.fromisoformat(f"{leap[1]}:59{leap[2]}") + timedelta(seconds=1)
        at = after.astimezone(UTC)
        if (at.day, at.hour, at.minute) == (1, 0, 0):  # there is none but there
            return after
    return None


def _refusal(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("refused", sentence)
