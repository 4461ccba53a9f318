"""Ask whether the thing that a policy waits for works again. A probe changes nothing."""

import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.core import mail
from django.db import Error, connection
from django.db.models import Q
from django.utils import timezone

from dlq_review.models import RedrivePolicy
from dlq_review.schedule import http_probe
from processing.models import Attempt, Outcome

RECENT = timedelta(days=1)  # an older success says nothing about now


@dataclass(frozen=True, slots=True)
class Verdict:
    green: bool
    why: str
    """A sentence without personal data."""


def ask(policy: RedrivePolicy) -> Verdict:
    return _PROBES[RedrivePolicy.Probe(policy.probe)](policy)


def _events(policy: RedrivePolicy) -> Verdict:
    """Green if the last events of the type were processed, and none failed among them."""
    type, number = policy.selection.get("type", ""), policy.events
    processed = Outcome.objects.filter(
        at__gte=timezone.now() - RECENT, type=type, kind=Outcome.Kind.PROCESSED
    )
    last = list(processed.order_by("-at").values_list("at", flat=True)[:number])
    if len(last) < number:
        was = "was" if len(last) == 1 else "were"
        why = f"Only {len(last)} of the last {number} {was} processed within a day"
        return Verdict(False, f"{type}: {why}.")
    since = last[-1]
    written = ~Q(error_text="") | ~Q(traceback="")  # as the index says it
    failed = Attempt.objects.filter(written, started_at__gte=since, type=type)
    if failed.exists():
        return Verdict(False, f"{type}: one of the last {number} failed.")
    return Verdict(True, f"{type}: the last {number} succeeded.")


def _http(policy: RedrivePolicy) -> Verdict:
    try:
        status = http_probe.status_of(policy.url)
    except http_probe.ProbeError as error:
        return Verdict(False, f"The URL does not answer: {error}")
    return Verdict(status == http_probe.OK, f"The URL answered with {status}.")


def _smtp(_: RedrivePolicy) -> Verdict:
    try:
        with mail.get_connection():
            pass
    except (OSError, smtplib.SMTPException) as error:
        return Verdict(False, f"No mail server: {type(error).__name__}.")
    return Verdict(True, "The mail server lets us in.")


def _database(_: RedrivePolicy) -> Verdict:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return Verdict(False, f"No database: {type(error).__name__}.")
    return Verdict(True, "The database answers.")


_PROBES: dict[RedrivePolicy.Probe, Callable[[RedrivePolicy], Verdict]] = {
    RedrivePolicy.Probe.EVENTS: _events,
    RedrivePolicy.Probe.HTTP: _http,
    RedrivePolicy.Probe.SMTP: _smtp,
    RedrivePolicy.Probe.DATABASE: _database,
}
