"""Everything that happened to one dead letter, newest first."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.text import capfirst

from dlq_review.models import Arrival, AuditEntry, DeadLetter
from processing.models import Attempt, Outcome

MOST = 100
STALE = "A later change of the order was stored already, so this one changed nothing."


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    kind: str
    title: str
    text: str = ""
    who: str = ""


def attempts_of(letter: DeadLetter, arrivals: Iterable[Arrival]) -> list[Attempt]:
    messages = [arrival.message_id for arrival in arrivals]
    found = Attempt.objects.filter(
        Q(request_id=letter.request_id) | Q(message_id__in=messages)
    )
    return list(found[:MOST])


def timeline(
    letter: DeadLetter,
    attempts: Iterable[Attempt],
    *,
    ours: Callable[[str], str] = str,
    theirs: Callable[[str], str] = str,
) -> list[Moment]:
    """*ours* veils texts that Holdfast wrote, *theirs* those of people."""
    outcomes = Outcome.objects.filter(request_id=letter.request_id)
    moments = [
        *deeds(letter, ours=ours, theirs=theirs),
        *failures(attempts),
        *(end(outcome, theirs=theirs) for outcome in outcomes),
    ]
    return newest_first(moments)


def newest_first(moments: Iterable[Moment]) -> list[Moment]:
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


def deeds(
    letter: DeadLetter,
    *,
    ours: Callable[[str], str] = str,
    theirs: Callable[[str], str] = str,
) -> Iterator[Moment]:
    """The sending of *letter*, and what its audit trail tells."""
    yield Moment(letter.sent_at, "sent", "Sent to the queue")
    for entry in letter.audit.all()[:MOST]:
        veil = theirs if entry.actor else ours
        yield _deed(entry, veil(entry.reason))


def failures(attempts: Iterable[Attempt]) -> Iterator[Moment]:
    for attempt in attempts:
        title = f"Attempt {attempt.receive_count} failed: {attempt.error_type}"
        text = f"{attempt.worker}, release {attempt.release}"
        yield Moment(attempt.started_at, "attempt", title, text)


def end(outcome: Outcome, *, theirs: Callable[[str], str] = str) -> Moment:
    title = f"The request was {outcome.get_kind_display().lower()}"
    text = STALE if outcome.stale else theirs(outcome.message_for_sender)
    return Moment(outcome.at, "outcome", title, text)


def _deed(entry: AuditEntry, reason: str) -> Moment:
    title = capfirst(entry.get_verb_display())
    return Moment(entry.at, entry.verb, title, reason, entry.actor or "Holdfast")
