"""Edit a dead letter: a new revision, validated by the contract of its type."""

from django.db import transaction

from dlq_review.errors import ReasonMissingError, ReviewError
from dlq_review.letters import current_event
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.letters.transitions import check_editable, move, note
from dlq_review.models import AuditEntry, DeadLetter, Revision
from processing.delivery.attempts import storable
from processing.events import envelope
from processing.events.envelope import Event
from processing.events.errors import Problem

LONGEST_EDIT = 64 * 1024  # bytes; more is hard to read in one text field


class StaleEditError(ReviewError):
    """Somebody saved a newer revision first. Yours was not saved."""


def check(letter: DeadLetter, body: str) -> Event:
    """Validate *body* as the next revision of *letter*. Raises NotAnEventError."""
    if len(body.encode("utf-8", "replace")) > LONGEST_EDIT:
        raise NotAnEventError((Problem("", "Longer than 64 KiB; shorten it."),))
    event = current_event.event_in(letter, body)
    problems = []
    if event.id != letter.request_id:
        problems.append(Problem("id", f"The request id must stay {letter.request_id}."))
    if letter.state != DeadLetter.State.QUARANTINED and event.type != letter.type:
        problems.append(Problem("type", f"The type must stay {letter.type}."))
    if problems:
        raise NotAnEventError(tuple(problems))
    return event


@transaction.atomic
def edit(
    letter: DeadLetter, body: str, *, based_on: int, by: str, reason: str
) -> Revision:
    """Save *body* as the revision after number *based_on*.

    Raises NotAnEventError, ReasonMissingError, StaleEditError or WrongStateError.
    """
    if not reason.strip():
        raise ReasonMissingError(ReasonMissingError.__doc__)
    check_editable(letter, "edited")
    event = check(letter, body)
    _set_current(letter, event, based_on)
    note(
        letter,
        AuditEntry.Verb.EDITED,
        by=by,
        reason=reason,
        before=f"revision {based_on}",
        after=f"revision {letter.revision}",
    )
    return _store(letter, body, event.fingerprint, by=by, reason=reason)


def _set_current(letter: DeadLetter, event: Event, based_on: int) -> None:
    """Let the letter's current revision be *event*, the one after *based_on*."""
    changes = {
        "revision": based_on + 1,
        "body_fingerprint": event.fingerprint,
        "type": event.type,
        "reference": event.data.reference,
    }
    seen = DeadLetter.objects.filter(
        pk=letter.pk, revision=based_on, state=letter.state
    )
    if not seen.update(**changes):
        raise _stale(letter, based_on)
    for name, value in changes.items():
        setattr(letter, name, value)


def _store(
    letter: DeadLetter, body: str, fingerprint: str, *, by: str, reason: str
) -> Revision:
    return Revision.objects.create(
        letter=letter,
        number=letter.revision,
        body=body,
        fingerprint=fingerprint,
        by=by,
        reason=reason,
    )


@transaction.atomic
def put_back(letter: DeadLetter, number: int, *, by: str, reason: str) -> Revision:
    """Make the body of revision *number* the current one again, valid or not.

    Raises WrongStateError or ChangedMeanwhileError.
    """
    check_editable(letter, "edited")
    former = letter.revisions.get(number=number)
    identity = envelope.identify(former.body, fallback_id=letter.request_id)
    letter.type = storable(identity.type)[:100]
    move(
        letter,
        letter.resting_state,
        AuditEntry.Verb.EDITED,
        by=by,
        reason=reason,
        revision=letter.revision + 1,
        body_fingerprint=former.fingerprint,
        type=letter.type,
        reference=storable(identity.reference)[:254],
    )
    return _store(letter, former.body, former.fingerprint, by=by, reason=reason)


def _stale(letter: DeadLetter, based_on: int) -> StaleEditError:
    newer = letter.revisions.filter(number__gt=based_on).first()
    if newer is None:
        return StaleEditError(
            "The dead letter changed its state meanwhile. Yours was not saved."
        )
    return StaleEditError(
        f"Revision {newer.number} was saved first, by {newer.by or 'Holdfast'} "
        f"({newer.reason or 'no reason given'}). Yours was not saved; your text is kept."
    )
