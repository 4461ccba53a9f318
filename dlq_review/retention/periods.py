"""How long things are kept, and the least time for which that is safe."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from processing.delivery.spool import WAITED_LONG
from processing.handlers.accounts import LINK_AGE
from processing.sqs.topology import QUEUES

SAMPLES = timedelta(days=30)
FORTNIGHT = timedelta(days=14)
LONGEST = 36_500  # days; before the year 1 there is no date to compare with


@dataclass(frozen=True, slots=True)
class Period:
    setting: str
    """Its name; empty if the length is fixed."""
    length: Callable[[], timedelta | None]
    """None where the setting says for ever."""
    least: Callable[[], timedelta]
    why: str
    """Why it may not be shorter than *least*, as the end of a sentence."""


def _days(setting: str) -> Callable[[], timedelta | None]:
    return lambda: timedelta(days=getattr(settings, setting)) or None


def _longest_copy() -> timedelta:
    """How long SQS may hold a copy of a message: on its queue, and then in the DLQ."""
    return timedelta(
        seconds=max(q.retention + q.dlq_retention for q in QUEUES.values())
    )


def _every_copy() -> timedelta:
    """After so long no copy of a processed message can arrive any more.

    A row of the spool that waited longer than WAITED_LONG renews the claim that its copy
    would meet.
    """
    overdue = timedelta(seconds=settings.REDRIVE_OVERDUE_SECONDS)
    return _longest_copy() + overdue + WAITED_LONG


def _every_link() -> timedelta:
    """After so long no mail is on its way, and no link in one works."""
    return _longest_copy() + timedelta(seconds=LINK_AGE)


TEXTS = Period(
    "RETENTION_DAYS",
    _days("RETENTION_DAYS"),
    lambda: timedelta(days=1),
    "a wrong password locks a name for an hour",
)
HISTORY = Period(
    "HISTORY_DAYS",
    _days("HISTORY_DAYS"),
    _every_copy,
    "an outcome has to outlive every copy of its message, or a late copy takes effect again",
)
UNVERIFIED = Period(
    "UNVERIFIED_DAYS",
    _days("UNVERIFIED_DAYS"),
    _every_link,
    "the mail with the link may still be on its way",
)
EXPIRY = Period(
    "SESSION_COOKIE_AGE",
    lambda: timedelta(0),
    lambda: timedelta(0),
    "an expired session is of no use",
)
DEMONSTRATION = Period(
    "", lambda: SAMPLES, lambda: SAMPLES, "nobody needs a sample any more"
)
MACHINERY = Period(
    "", lambda: FORTNIGHT, lambda: FORTNIGHT, "nobody looks for it any longer"
)
CHARTS = Period(
    "",
    lambda: timedelta(0),
    lambda: timedelta(0),
    "nobody sees them any more",
)
OF_DAYS = (TEXTS, HISTORY, UNVERIFIED)
