"""System checks for the settings of the triage desk."""

import re
from collections.abc import Iterable
from datetime import timedelta
from math import ceil
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from dlq_review.alerts import quiet_hours
from dlq_review.alerts.channels import registry
from dlq_review.alerts.kinds import KINDS
from dlq_review.retention import periods
from processing.s3 import bucket, key_layout
from processing.sqs.topology import EVENT_QUEUES

_BUCKET = re.compile(r"(?!.*\.\.)(?![\d.]+\Z)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ACCOUNT = re.compile(r"(?!0{12})[0-9]{12}")
LONGEST_OVERDUE = 14 * 24 * 3600  # seconds; no queue holds a message for longer
_SOME = (
    *("ALERT_REPEAT_HOURS", "ALERT_GROWTH", "ALERT_NEAR_LIMIT_HOURS"),
    *("ALERT_PULL_LATE_SECONDS", "ALERT_NO_WORKER_SECONDS"),
    *("ALERT_UNACCOUNTED", "ALERT_ARCHIVE_SECONDS"),
)
_MOST = 10_000_000  # of hours, a thousand years: what lies further back has no date
LONGEST_UNDO = 60  # seconds; a longer wait looks like a redrive that does nothing


def register_checks() -> None:
    register(redrive_settings)
    register(retention_settings)
    register(archive_settings)
    register(archive_access, "security", deploy=True)
    register(alert_channels)
    register(alert_times)


def redrive_settings(**_: Any) -> Iterable[CheckMessage]:
    if not 0 <= settings.REDRIVE_UNDO_SECONDS <= LONGEST_UNDO:
        yield Error(
            f"REDRIVE_UNDO_SECONDS is {settings.REDRIVE_UNDO_SECONDS}.",
            hint=f"Set it to 0, to send at once, or to at most {LONGEST_UNDO}.",
            id="dlq_review.E001",
        )
    if not 1 <= settings.REDRIVE_OVERDUE_SECONDS <= LONGEST_OVERDUE:
        yield Error(
            f"REDRIVE_OVERDUE_SECONDS is {settings.REDRIVE_OVERDUE_SECONDS}.",
            hint=f"Set it to between 1 and {LONGEST_OVERDUE}, which is 14 days.",
            id="dlq_review.E013",
        )
    for pair in wrong_pairs():
        yield Error(
            f"REDRIVE_TARGETS names {pair!r}.",
            hint=f"Name two of {', '.join(EVENT_QUEUES)}, as in orders:signups.",
            id="dlq_review.E002",
        )


def retention_settings(**_: Any) -> Iterable[CheckMessage]:
    if too_long := list(_longer_than_calendars()):
        yield from too_long
        return
    for period in periods.OF_DAYS:
        days, least = getattr(settings, period.setting), period.least() / timedelta(1)
        if days != 0 and days < least:
            yield Error(
                f"{period.setting} is {days}, and the least is {ceil(least)}, because"
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


def _longer_than_calendars() -> Iterable[CheckMessage]:
    """A period that ends before the year 1 would stop the purge, and beat with it."""
    for period in periods.OF_DAYS:
        days = getattr(settings, period.setting)
        if days > periods.LONGEST:
            yield Error(
                f"{period.setting} is {days}, and the most is {periods.LONGEST}.",
                hint="Set it to 0 to keep all.",
                id="dlq_review.E012",
            )


def archive_settings(**_: Any) -> Iterable[CheckMessage]:
    if not settings.ARCHIVE_BUCKET:
        return
    if not _BUCKET.fullmatch(settings.ARCHIVE_BUCKET):
        yield Error(
            f"ARCHIVE_BUCKET is {settings.ARCHIVE_BUCKET!r}, which is no name of a bucket.",
            hint="Give the name alone, as in holdfast-archive: 3 to 63 characters of a-z,"
            " 0-9, . and -.",
            id="dlq_review.E005",
        )
    if _archive_server() is None:
        yield Error(
            f"ARCHIVE_ENDPOINT_URL is {settings.ARCHIVE_ENDPOINT_URL!r}.",
            hint="Write it as https://s3.example.com, or set it to nothing for Amazon's own S3.",
            id="dlq_review.E011",
        )
    if problem := key_layout.problem(settings.ARCHIVE_KEY):
        yield Error(
            f"ARCHIVE_KEY is {settings.ARCHIVE_KEY!r}. {problem}",
            hint="Write a path with {message_id} and, if you like, {queue} and {date}, as in"
            " failed/{queue}/{date}/{message_id}.json.",
            id="dlq_review.E006",
        )
    if not _expires_in_time(settings.ARCHIVE_DAYS, settings.RETENTION_DAYS):
        yield Error(
            f"ARCHIVE_DAYS is {settings.ARCHIVE_DAYS}, RETENTION_DAYS is"
            f" {settings.RETENTION_DAYS}: the archive would keep personal data longer.",
            hint="Set ARCHIVE_DAYS, and the lifecycle of the bucket, to at most"
            " RETENTION_DAYS.",
            id="dlq_review.E007",
        )


def _archive_server() -> SplitResult | None:
    """Empty parts for Amazon's own; None if it is no address."""
    try:
        address = urlsplit(settings.ARCHIVE_ENDPOINT_URL)
        known = address.scheme in ("http", "https") and address.hostname is not None
    except ValueError:
        return None
    return address if known or not settings.ARCHIVE_ENDPOINT_URL else None


def _expires_in_time(archive_days: int, retention_days: int) -> bool:
    """0 days is for ever."""
    if archive_days < 0:
        return False
    return not retention_days or 0 < archive_days <= retention_days


def archive_access(**_: Any) -> Iterable[CheckMessage]:
    if not settings.ARCHIVE_BUCKET:
        return
    own = _archive_server()
    if own and own.scheme == "http":
        yield Warning(
            f"ARCHIVE_ENDPOINT_URL is {settings.ARCHIVE_ENDPOINT_URL}: personal data would travel in"
            " the clear.",
            hint="Set ARCHIVE_ENDPOINT_URL to nothing for Amazon's own S3, or use https.",
            id="dlq_review.W008",
        )
    if not settings.ARCHIVE_ENDPOINT_URL and not _ACCOUNT.fullmatch(
        settings.ARCHIVE_BUCKET_OWNER
    ):
        yield Error(
            f"ARCHIVE_BUCKET_OWNER is {settings.ARCHIVE_BUCKET_OWNER!r}, so S3 would refuse"
            " every object.",
            hint="Set it to the 12 digits of the account that owns the bucket, or set"
            " AWS_ACCOUNT_ID.",
            id="dlq_review.E009",
        )
    if reason := bucket.lacks_credentials():
        yield Error(
            f"ARCHIVE_BUCKET is set, and there are no credentials to write to it: {reason}.",
            hint="Give the process of the jobs a role, or set ARCHIVE_BUCKET to nothing.",
            id="dlq_review.E010",
        )


def alert_channels(**_: Any) -> Iterable[CheckMessage]:
    """The settings of the channels that are on."""
    for channel in registry.configured():
        for problem in channel.problems():
            yield Error(problem.says, hint=problem.advice, id="dlq_review.E017")


def alert_times(**_: Any) -> Iterable[CheckMessage]:
    for name in settings.ALERT_URGENT:
        if name not in KINDS:
            yield Error(
                f"ALERT_URGENT names {name!r}, which is no kind of alert.",
                hint=f"Name some of {', '.join(KINDS)}.",
                id="dlq_review.E014",
            )
    try:
        quiet_hours.check()
    except quiet_hours.QuietHoursError as error:
        yield Error(
            f"ALERT_QUIET_HOURS is {settings.ALERT_QUIET_HOURS!r}, ALERT_TIME_ZONE is"
            f" {settings.ALERT_TIME_ZONE!r}.",
            hint=str(error),
            id="dlq_review.E015",
        )
    for name in _SOME:
        if not 1 <= getattr(settings, name) <= _MOST:
            yield Error(
                f"{name} is {getattr(settings, name)}.",
                hint=f"Set it to between 1 and {_MOST}.",
                id="dlq_review.E016",
            )


def wrong_pairs() -> list[str]:
    """The entries of REDRIVE_TARGETS that do not name two different event queues."""
    pairs = [pair.split(":") for pair in settings.REDRIVE_TARGETS]
    return [
        ":".join(pair)
        for pair in pairs
        if len(pair) != 2 or len({*pair} & {*EVENT_QUEUES}) != 2
    ]
