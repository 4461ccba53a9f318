"""Edit a dead letter: a new revision, validated by the contract of its type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from dlq_review.errors import ChangedMeanwhileError, ReasonMissingError, ReviewError
from dlq_review.letters import current_event, error_texts
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.letters.sets import column
from dlq_review.letters.transitions import check_editable, lock, move
from dlq_review.models import AuditEntry, DeadLetter, Revision
from processing.database.inserts import insert
from processing.delivery.attempts import storable
from processing.events import envelope
from processing.events.envelope import Event
from processing.events.errors import Problem
from processing.events.veil import Veil

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


@dataclass(frozen=True, slots=True)
class Edit:
    """A new body for *letter*, which replaces that of revision *based_on*."""

    letter: DeadLetter
    body: str
    based_on: int


def edit(
    letter: DeadLetter, body: str, *, based_on: int, by: str, reason: str
) -> Revision:
    """Save *body* as the revision after number *based_on*.

    Raises NotAnEventError, ReasonMissingError, StaleEditError or WrongStateError.
    """
    (saved,) = edit_all([Edit(letter, body, based_on)], by=by, reason=reason)
    if isinstance(saved, ReviewError):
        raise saved
    return saved


@transaction.atomic
def edit_all(
    edits: Sequence[Edit], *, by: str, reason: str
) -> list[Revision | ReviewError]:
    """Save *edits*, by a few statements for all; a revision or an error each, in order."""
    checked = [_checked(one, reason) for one in edits]
    # Before a row is locked, because a long body takes a moment.
    veils = [Veil(one.body) for one in edits]
    locked = lock(*(one.letter.request_id for one in edits))
    saved: list[Revision | ReviewError] = []
    new: dict[int, tuple[Edit, Event]] = {}
    told: dict[int, Veil] = {}
    for one, found, veil in zip(edits, checked, veils, strict=True):
        now = locked[one.letter.pk]
        if isinstance(found, ReviewError):
            saved.append(found)
        elif (now.revision, now.state) != (one.based_on, one.letter.state) or (
            now.pk in new
        ):
            saved.append(stale(one.letter, one.based_on))
        else:
            new[now.pk] = one, found
            told[now.pk] = veil
            saved.append(_revision(one, found, by, reason))
    if new:
        error_texts.mask(locked, told)
        _update(new, locked)
        _note_edits([one for one, _ in new.values()], by, reason)
        insert([one for one in saved if isinstance(one, Revision)])
    return saved


def _checked(one: Edit, reason: str) -> Event | ReviewError:
    try:
        if not reason.strip():
            raise ReasonMissingError(ReasonMissingError.__doc__)
        check_editable(one.letter, "edited")
        return check(one.letter, one.body)
    except ReviewError as refused:
        return refused


def _update(
    new: Mapping[int, tuple[Edit, Event]], locked: Mapping[int, DeadLetter]
) -> None:
    changes = {
        pk: {
            "revision": one.based_on + 1,
            "body_fingerprint": event.fingerprint,
            "type": event.type,
            "reference": event.data.reference,
            "customer_id": event.customer_id,
        }
        for pk, (one, event) in new.items()
    }
    names = ("revision", "body_fingerprint", "type", "reference", "customer_id")
    columns = {
        name: column(DeadLetter, name, {pk: to[name] for pk, to in changes.items()})
        for name in names
    }
    seen = DeadLetter.objects.filter(pk__in=new, state__in=DeadLetter.EDITABLE)
    if seen.update(**columns) != len(new):
        raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
    for pk, to in changes.items():
        for name, value in to.items():
            setattr(new[pk][0].letter, name, value)
        new[pk][0].letter.error_text = locked[pk].error_text


def _note_edits(edits: Sequence[Edit], by: str, reason: str) -> None:
    insert(
        [
            AuditEntry(
                letter_id=one.letter.pk,
                verb=AuditEntry.Verb.EDITED,
                actor=by,
                reason=reason,
                before=f"revision {one.based_on}",
                after=f"revision {one.based_on + 1}",
            )
            for one in edits
        ]
    )


def _revision(one: Edit, event: Event, by: str, reason: str) -> Revision:
    return Revision(
        letter_id=one.letter.pk,
        number=one.based_on + 1,
        body=one.body,
        fingerprint=event.fingerprint,
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
        customer_id=identity.customer_id,
    )
    return Revision.objects.create(
        letter=letter,
        number=letter.revision,
        body=former.body,
        fingerprint=former.fingerprint,
        by=by,
        reason=reason,
    )


def stale(letter: DeadLetter, based_on: int) -> StaleEditError:
    """The error that says who has saved a revision after number *based_on*."""
    newer = letter.revisions.filter(number__gt=based_on).first()
    if newer is None:
        return StaleEditError(
            "The dead letter changed its state meanwhile. Yours was not saved."
        )
    return StaleEditError(
        f"Revision {newer.number} was saved first, by {newer.by or 'Holdfast'} "
        f"({newer.reason or 'no reason given'}). Yours was not saved; your text is kept."
    )
