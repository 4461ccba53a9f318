"""System checks for the settings of the triage desk."""

from collections.abc import Iterable
from datetime import timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from dlq_review.retention import periods
from processing.sqs.topology import EVENT_QUEUES

LONGEST_UNDO = 60  # seconds; a longer wait looks like a redrive that does nothing


def register_checks() -> None:
    register(redrive_settings)
    register(retention_settings)


def redrive_settings(**_: Any) -> Iterable[CheckMessage]:
    if not 0 <= settings.REDRIVE_UNDO_SECONDS <= LONGEST_UNDO:
        yield Error(
            f"REDRIVE_UNDO_SECONDS is {settings.REDRIVE_UNDO_SECONDS}.",
            hint=f"Set it to 0, to send at once, or to at most {LONGEST_UNDO}.",
            id="dlq_review.E001",
        )
    for pair in wrong_pairs():
        yield Error(
            f"REDRIVE_TARGETS names {pair!r}.",
            hint=f"Name two of {', '.join(EVENT_QUEUES)}, as in orders:signups.",
            id="dlq_review.E002",
        )


def retention_settings(**_: Any) -> Iterable[CheckMessage]:
    for period in periods.OF_DAYS:
        days, least = getattr(settings, period.setting), period.least() / timedelta(1)
        if days != 0 and days < least:
            yield Error(
                f"{period.setting} is {days}, and {ceil(least)} days are the least:"
                f" {period.why}.",
                hint=f"Set it to {ceil(least)} or more, or to 0 to keep all.",
                id="dlq_review.E003",
            )
    texts, rows = periods.TEXTS.length(), periods.HISTORY.length()
    if rows and (texts is None or texts > rows):
        yield Error(
            f"HISTORY_DAYS is {settings.HISTORY_DAYS}, so letters are deleted before"
            f" RETENTION_DAYS, {settings.RETENTION_DAYS}, removes their bodies.",
            hint="Set HISTORY_DAYS to RETENTION_DAYS or more; 0 keeps all.",
            id="dlq_review.E004",
        )


def wrong_pairs() -> list[str]:
    """The entries of REDRIVE_TARGETS that do not name two different event queues."""
    pairs = [pair.split(":") for pair in settings.REDRIVE_TARGETS]
    return [
        ":".join(pair)
        for pair in pairs
        if len(pair) != 2 or len({*pair} & {*EVENT_QUEUES}) != 2
    ]
