"""Send dead letters' current revisions back to their queues, in sets.

Crash order: claim a set in one transaction (redrive/claims.py), each letter by
compare-and-set and with a redrive id -> commit -> send, ten in a call -> record what SQS
took of the set, and what it refused -> commit. A crash in between leaves the set claimed;
`resend_claimed` sends it again with the same redrive ids, and the worker drops the second
copies by their request ids.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import F, QuerySet
from django.db.models.functions import Length
from django.utils import timezone

from dlq_review.errors import ChangedMeanwhileError, ReviewError
from dlq_review.letters import current_event
from dlq_review.letters.sets import all_or_each
from dlq_review.letters.transitions import Move, move_all
from dlq_review.models import AuditEntry, DeadLetter, Revision
from dlq_review.redrive import claims
from dlq_review.redrive.message_attributes import brought, marked
from dlq_review.redrive.terms import NotSentError, Redrive, Terms
from processing.events.envelope import Event
from processing.sqs import publisher
from processing.sqs.refusals import SendError
from processing.tracing import spans
from processing.tracing.context import Trace

S = DeadLetter.State
SET = (
    100  # letters claimed in one transaction, sent by ten calls and recorded in another
)
ROOM = 1024 * 1024  # characters of their bodies, so that a set takes few calls more
CLAIM_LASTS = timedelta(seconds=60)  # far above what sending a set may take


def redrive_one(one: Redrive, terms: Terms) -> str:
    """Send one letter at once, or resolve it if its request was processed already.

    Returns its new state, REDRIVEN or RESOLVED. Raises a ReviewError that says why not.
    """
    (done,) = redrive_many([one], terms)
    if done.error is not None:
        raise done.error
    return one.letter.state


def redrive_many(chosen: Sequence[Redrive], terms: Terms) -> list[Redrive]:
    """Claim and send *chosen*, in sets; one result each, in order.

    Never raises for one letter: each that was not sent carries its ReviewError.
    """
    return [done for some in _sets(chosen) for done in _redrive_set(some, terms)]


def _sets(chosen: Sequence[Redrive]) -> Iterator[list[Redrive]]:
    """Cut *chosen* into sets whose sending ends long before CLAIM_LASTS."""
    sizes = _sizes([one.letter for one in chosen]) if len(chosen) > 1 else {}
    some: list[Redrive] = []
    room = ROOM
    for one in chosen:
        size = sizes.get(one.letter.pk, 0)
        if some and (len(some) == SET or size > room):
            yield some
            some, room = [], ROOM
        some.append(one)
        room -= size
    if some:
        yield some


def _sizes(letters: Sequence[DeadLetter]) -> dict[int, int]:
    bodies = Revision.objects.filter(letter__in=letters, number=F("letter__revision"))
    return dict(bodies.order_by().values_list("letter_id", Length("body")))


def _redrive_set(chosen: Sequence[Redrive], terms: Terms) -> list[Redrive]:
    taken = claims.take_all(chosen, terms)
    claimed = [
        (one.letter, event)
        for one, event in zip(chosen, taken, strict=True)
        if isinstance(event, Event)
    ]
    errors = iter(send_claimed(claimed))
    return [
        Redrive(
            one.letter,
            one.revision,
            next(errors) if isinstance(result, Event) else result,
        )
        for one, result in zip(chosen, taken, strict=True)
    ]


def send_claimed(
    claimed: Sequence[tuple[DeadLetter, Event]],
) -> list[ReviewError | None]:
    """Send what is claimed and record each; one error or None a letter, in order."""
    if not claimed:
        return []
    letters = [letter for letter, _ in claimed]
    return _record(letters, _publish(letters, [event for _, event in claimed]))


def _publish(
    letters: Sequence[DeadLetter], events: Sequence[Event]
) -> list[SendError | None]:
    goals = [
        letter.redriven_to or event.queue
        for letter, event in zip(letters, events, strict=True)
    ]
    came = brought(letters)
    begun = [
        spans.begin(spans.SEND, goal, None, Trace.beside(beside.texts))
        for goal, beside in zip(goals, came, strict=True)
    ]
    beside = [
        marked(letter, own, span.trace)
        for letter, own, span in zip(letters, came, begun, strict=True)
    ]
    errors = [one.error for one in publisher.publish_many(events, beside, goals)]
    for letter, span, error in zip(letters, begun, errors, strict=True):
        span.tell(request_id=letter.request_id, dead_letter=letter.pk)
        span.end(str(error or ""))
    return errors


def _record(
    letters: Sequence[DeadLetter], refused: Sequence[SendError | None]
) -> list[ReviewError | None]:
    now = timezone.now()
    moves = [
        _sent(letter, now) if error is None else _not_sent(letter, str(error))
        for letter, error in zip(letters, refused, strict=True)
    ]
    recorded = _move_all_or_each(moves)
    # A letter that came back before we recorded that it was sent keeps its newer state.
    # One that cannot be recorded stays claimed, and `resend_claimed` finds it.
    return [
        None
        if error is None or isinstance(why, ChangedMeanwhileError)
        else NotSentError(error)
        for error, why in zip(refused, recorded, strict=True)
    ]


def _move_all_or_each(moves: Sequence[Move]) -> list[ReviewError | None]:
    return all_or_each(moves, move_all, letter=lambda one: one.letter)


def _sent(letter: DeadLetter, now: datetime) -> Move:
    changes = {"redrives": letter.redrives + 1, "redriven_at": now}
    return Move(letter, S.REDRIVEN, AuditEntry.Verb.SENT, changes=changes)


def _not_sent(letter: DeadLetter, reason: str) -> Move:
    """Nothing was sent: the letter waits again, free of the operation that took it."""
    return Move(
        letter,
        letter.resting_state,
        AuditEntry.Verb.NOT_SENT,
        reason=reason[:500],
        changes={"operation": None},
    )


def late_claims() -> QuerySet[DeadLetter]:
    """Letters that were claimed and not recorded as sent, because a process ended."""
    return DeadLetter.objects.filter(
        state=S.CLAIMED,
        send_after=None,
        claimed_at__lt=timezone.now() - CLAIM_LASTS,
    )


def resend_claimed() -> int:
    """Send the late claims; return how many SQS took."""
    return send(late_claims().order_by("claimed_at")[:500])


def send(letters: Iterable[DeadLetter]) -> int:
    """Send *letters*, which are claimed; return how many SQS took."""
    waiting = [Redrive(letter, letter.revision) for letter in letters]
    return sum(_send_set([one.letter for one in some]) for some in _sets(waiting))


def _send_set(letters: Sequence[DeadLetter]) -> int:
    bodies = current_event.current_bodies(letters)
    claimed, wrong = [], []
    for letter in letters:
        try:
            event = current_event.event_in(letter, bodies[letter.pk])
        except current_event.NotAnEventError as error:  # its contract has changed since
            wrong.append(_not_sent(letter, str(error)))
        else:
            claimed.append((letter, event))
    _move_all_or_each(wrong)  # a letter that another job saw first is refused
    return send_claimed(claimed).count(None)
