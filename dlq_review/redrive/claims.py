"""Check dead letters and claim them for sending, a set of them in one transaction.

Each is checked as its caller saw it. The claim is a compare-and-set (letters/transitions.py),
so only one of two who try gets a letter. If a set fails, each of its letters gets a
transaction of its own, so that the one to blame is named and the others are claimed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from dlq_review.errors import ChangedMeanwhileError, ReasonMissingError, ReviewError
from dlq_review.letters import current_event
from dlq_review.letters.sets import all_or_each
from dlq_review.letters.transitions import Move, check_editable, move_all
from dlq_review.models import AuditEntry, DeadLetter, Revision
from dlq_review.redrive import targets
from dlq_review.redrive.terms import (
    DiscardedError,
    LimitReachedError,
    ProcessedOtherwiseError,
    Redrive,
    Terms,
)
from processing.events.envelope import Event
from processing.models import Outcome, Repair

S = DeadLetter.State
#: The event of a claimed letter, None for one that was processed already, or the refusal.
Taken = Event | ReviewError | None


def take(one: Redrive, terms: Terms) -> None:
    """Claim one letter; one that was processed already is resolved."""
    (taken,) = _take_set([one], terms)
    if isinstance(taken, ReviewError):
        raise taken


def take_all(chosen: Sequence[Redrive], terms: Terms) -> list[Taken]:
    """Claim each of *chosen* that may be sent; one result each, in order.

    Never raises for one letter, not even for an error that nobody expected.
    """
    return all_or_each(
        chosen, lambda some: _take_set(some, terms), letter=lambda one: one.letter
    )


@transaction.atomic(durable=True)
def _take_set(chosen: Sequence[Redrive], terms: Terms) -> list[Taken]:
    known = _Known.about([one.letter for one in chosen])
    checked = [_checked(one, terms, known) for one in chosen]
    going = [one for one in checked if isinstance(one, _Checked)]
    refused = iter(move_all([one.move for one in going]))
    results: list[Taken] = [
        one if isinstance(one, ReviewError) else next(refused) or one.event
        for one in checked
    ]
    _note_edits(
        one.letter
        for one, taken in zip(chosen, results, strict=True)
        if isinstance(taken, Event)
    )
    return results


@dataclass(frozen=True, slots=True)
class _Known:
    """What the checks need to know of a set of letters, from a few queries."""

    bodies: dict[int, str]
    outcomes: dict[str, Outcome]
    """By request id, of those that were processed or discarded."""
    fingerprints: dict[int, set[str]]
    """Of all revisions, for the letters whose request was processed."""
    at: datetime = field(default_factory=timezone.now)
    """The moment of the claims."""

    @classmethod
    def about(cls, letters: Sequence[DeadLetter]) -> Self:
        requests = {letter.request_id for letter in letters}
        ended = (Outcome.Kind.PROCESSED, Outcome.Kind.DISCARDED)
        found = Outcome.objects.filter(request_id__in=requests, kind__in=ended)
        outcomes = {one.request_id: one for one in found}
        done = [letter for letter in letters if letter.request_id in outcomes]
        fingerprints: dict[int, set[str]] = defaultdict(set)
        if done:
            revisions = Revision.objects.filter(letter__in=done).order_by()
            for pk, fingerprint in revisions.values_list("letter", "fingerprint"):
                fingerprints[pk].add(fingerprint)
        return cls(current_event.current_bodies(letters), outcomes, fingerprints)

    def is_done(self, letter: DeadLetter) -> bool:
        """Whether its request was processed. Raises ProcessedOtherwiseError, DiscardedError."""
        outcome = self.outcomes.get(letter.request_id)
        if outcome is None:
            return False
        if outcome.kind == Outcome.Kind.DISCARDED:
            raise DiscardedError(DiscardedError.__doc__)
        if outcome.fingerprint not in self.fingerprints[letter.pk]:
            raise ProcessedOtherwiseError(ProcessedOtherwiseError.__doc__)
        return True


@dataclass(frozen=True, slots=True)
class _Checked:
    move: Move
    event: Event | None


def _checked(one: Redrive, terms: Terms, known: _Known) -> _Checked | ReviewError:
    try:
        return _check(one, terms, known)
    except ReviewError as refused:
        return refused


def _check(one: Redrive, terms: Terms, known: _Known) -> _Checked:
    letter = one.letter
    if one.revision != letter.revision or letter.pk not in known.bodies:
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    check_editable(letter, "redriven")
    event = current_event.event_in(letter, known.bodies[letter.pk])
    targets.check(event.queue, terms.to)
    if known.is_done(letter):
        why = "Already processed; nothing was sent."
        verb = AuditEntry.Verb.RESOLVED
        return _Checked(Move(letter, S.RESOLVED, verb, terms.by, why), None)
    reason = _reason(letter, terms)
    return _Checked(_claimed(letter, terms, reason, known.at), event)


def _reason(letter: DeadLetter, terms: Terms) -> str:
    """The reason as the trail tells it. Raises LimitReachedError, ReasonMissingError."""
    reason = f"To {terms.to}. {terms.reason}".strip() if terms.to else terms.reason
    if not letter.limit_reached:
        return reason
    if not terms.override_limit:
        raise LimitReachedError(letter)
    if not terms.reason.strip():
        raise ReasonMissingError(ReasonMissingError.__doc__)
    return f"Past the limit of {settings.REDRIVE_LIMIT} redrives. {reason}"


def _claimed(letter: DeadLetter, terms: Terms, reason: str, at: datetime) -> Move:
    name = f"{letter.pk}/{letter.revision}/{letter.redrives + 1}"
    changes = {
        "redrive_id": uuid5(NAMESPACE_URL, name),
        "claimed_at": at,
        "redriven_to": terms.to,
        "operation": terms.operation,
        "send_after": terms.send_after,
    }
    verb = AuditEntry.Verb.CLAIMED
    return Move(letter, S.CLAIMED, verb, terms.by, reason, changes)


@transaction.atomic(durable=True)
def claim(
    letter: DeadLetter,
    *,
    by: str,
    reason: str,
    to: str = "",
    operation: int | None = None,
    send_after: datetime | None = None,
) -> None:
    """Take *letter* for sending, whatever its body is; only one of two who try gets it."""
    terms = Terms(by, to=to, operation=operation, send_after=send_after)
    (refused,) = move_all([_claimed(letter, terms, reason, timezone.now())])
    if refused is not None:
        raise refused
    _note_edits([letter])


def _note_edits(letters: Iterable[DeadLetter]) -> None:
    """Record the edits of the requests, so that the receipts show what came of them."""
    edited = {letter.pk: letter for letter in letters if letter.revision}
    if not edited:
        return
    arrived: dict[int, list[str]] = defaultdict(list)  # the newest first
    revisions = Revision.objects.filter(letter__in=edited, by="").order_by("-number")
    for pk, number, fingerprint in revisions.values_list(
        "letter", "number", "fingerprint"
    ):
        if number <= edited[pk].revision:
            arrived[pk].append(fingerprint)
    repairs = [
        Repair(
            request_id=edited[pk].request_id,
            asked=asked[0],
            became=edited[pk].body_fingerprint,
        )
        for pk, asked in arrived.items()
        if asked[0] and edited[pk].body_fingerprint not in asked
    ]
    # In one order everywhere, so transactions cannot deadlock.
    repairs.sort(key=lambda one: (one.request_id, one.asked, one.became))
    Repair.objects.bulk_create(repairs, ignore_conflicts=True)
