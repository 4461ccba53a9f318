"""The spool (an outbox): events that have not reached their queue yet.

Crash order: select the rows (others skip them) -> send -> delete the rows -> commit. A
crash after the send sends again with the same request ids, and the worker drops the copy.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep

from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from processing.events import envelope
from processing.events.attributes import RECEIPT, Attributes
from processing.events.errors import EventError, PermanentError
from processing.models import Outcome, SpooledEvent
from processing.sqs import publisher
from processing.tracing import spans
from processing.tracing.context import Trace, current

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 300  # seconds between two tries
SET = 100  # rows of one transaction, sent by ten calls
WAITED_LONG = timedelta(days=1)
REST = 0.02  # seconds between two transactions, so that others get SQLite's one lock
_TRY = ("tries", "refusal", "refused_for_good", "next_try_at")


@dataclass(frozen=True, slots=True)
class _Tried:
    """The results for the rows that were due."""

    rows: int
    sent: int
    is_away: bool


class SpoolConflictError(PermanentError):
    """This request id is in the spool with another content, which has not been sent yet."""


def add(event: envelope.Event, refusal: str) -> None:
    """Store an accepted event that SQS did not take, once. Raises SpoolConflictError."""
    if not connection.in_atomic_block:  # for the API, no signal of Django does this
        connection.close_if_unusable_or_obsolete()
    _insert(event, refusal=refusal)
    logger.warning("request_id=%s spooled=%s", event.id, refusal)


def record(follow_ups: Iterable[envelope.Event], cause: str) -> None:
    """Store the follow-ups of *cause*; call it in the transaction of the cause's effect.

    Raises SpoolConflictError.
    """
    for event in follow_ups:
        _insert(event, cause=cause)


def record_many(
    follow_ups: Iterable[tuple[str, envelope.Event, Trace | None]],
) -> None:
    """Like `record`, for several: a cause, an event and its trace; by one statement.

    Raises IntegrityError if one of them is stored already.
    """
    rows = [_row(event, cause=cause, trace=trace) for cause, event, trace in follow_ups]
    SpooledEvent.objects.bulk_create(sorted(rows, key=lambda row: row.request_id))


def send_follow_ups(*causes: str) -> int:
    """Publish the follow-ups of *causes*. The relay sends those that SQS does not take now."""
    return _send(SpooledEvent.objects.filter(cause__in=causes)).sent


def due() -> QuerySet[SpooledEvent]:
    """The rows that the relay sends now."""
    return SpooledEvent.objects.filter(
        next_try_at__lte=timezone.now(), refused_for_good=False
    )


def relay(limit: int = SET, seconds: float = 0) -> int:
    """Publish the events that are due, oldest first; return how many were sent.

    *limit* in a transaction, until none is due, SQS is away or *seconds* are over.
    """
    ends = monotonic() + seconds
    sent = 0
    while True:
        tried = _send(due(), limit)
        sent += tried.sent
        if not tried.rows or tried.is_away or monotonic() >= ends:
            return sent
        sleep(REST)


def _insert(event: envelope.Event, cause: str = "", refusal: str = "") -> None:
    row = _row(event, cause, refusal, current())
    try:
        _store(row)
    except IntegrityError:
        stored = _stored(event.id)
        if stored is None:  # it was relayed in this moment, so there is room now
            _store(row)
        elif not _is_same(stored, event):
            raise SpoolConflictError(SpoolConflictError.__doc__) from None


def _row(
    event: envelope.Event,
    cause: str = "",
    refusal: str = "",
    trace: Trace | None = None,
) -> SpooledEvent:
    return SpooledEvent(
        request_id=event.id,
        cause=cause,
        # A change names an order too, but whoever waits for the order does not wait for it.
        order_id="" if event.data.about_order else event.data.made.get("order", ""),
        body=event.body,
        refusal=refusal,
        trace=trace.text if trace else "",
        next_try_at=timezone.now(),
    )


@transaction.atomic
def _store(row: SpooledEvent) -> None:
    row.save(force_insert=True)


def _stored(request_id: str) -> SpooledEvent | None:
    return SpooledEvent.objects.filter(pk=request_id).first()


def _is_same(stored: SpooledEvent, event: envelope.Event) -> bool:
    try:
        found = envelope.parse(stored.body, fallback_id=stored.request_id)
    except EventError:  # written by another release, so this one cannot send it
        return False
    return found.fingerprint == event.fingerprint


@transaction.atomic
def _send(waiting: QuerySet[SpooledEvent], limit: int = SET) -> _Tried:
    waiting = waiting.filter(refused_for_good=False)
    rows = list(waiting.select_for_update(skip_locked=True)[:limit])
    found = [(row, _event_in(row)) for row in rows]
    going = [(row, event) for row, event in found if event is not None]
    begun = [_begin(row, event) for row, event in going]
    beside = [_beside(row, span) for (row, _), span in zip(going, begun, strict=True)]
    results = publisher.publish_many((event for _, event in going), beside)
    sent = []
    for (row, _), span, result in zip(going, begun, results, strict=True):
        span.end(str(result.error or ""))
        if (error := result.error) is None:
            sent.append(row.request_id)
        else:
            _postpone(row, str(error), for_good=error.for_good)
    SpooledEvent.objects.filter(request_id__in=sent).delete()
    _renew_claims(row for row, _ in going)
    left = [row for row in rows if row.request_id not in set(sent)]
    SpooledEvent.objects.bulk_update(left, _TRY)
    is_away = any(result.error and result.error.is_away for result in results)
    return _Tried(len(rows), len(sent), is_away=is_away)


def _begin(row: SpooledEvent, event: envelope.Event) -> spans.Span:
    span = spans.begin(spans.SEND, event.queue, Trace.of_text(row.trace))
    span.tell(request_id=row.request_id)
    return span


def _beside(row: SpooledEvent, span: spans.Span) -> Attributes:
    carried = Attributes(span.carried)
    # A follow-up has no sender, so nobody holds a receipt for it.
    return carried if row.cause else RECEIPT | carried


def _renew_claims(rows: Iterable[SpooledEvent]) -> None:
    """Let the claim of an event that waited long count from now, if there is one already.

    SQS may have taken the event when it was accepted, without an answer that reached us.
    A claim is deleted when no copy can arrive any more, and a copy was sent just now.
    """
    now = timezone.now()
    waited = [row.request_id for row in rows if row.created_at < now - WAITED_LONG]
    if waited:
        Outcome.objects.filter(request_id__in=waited).update(at=now)


def _event_in(row: SpooledEvent) -> envelope.Event | None:
    """The event of *row*. None if it cannot be read, or only by another release.

    The row waits for that, and holds up no other.
    """
    try:
        return envelope.parse(row.body, fallback_id=row.request_id)
    except SoftTimeLimitExceeded:  # no fault of the row; the job has to end
        raise
    except Exception as error:
        if not isinstance(error, EventError):
            logger.exception("request_id=%s unread=1", row.request_id)
        _postpone(row, type(error).__name__)
        return None


def _postpone(row: SpooledEvent, reason: str, *, for_good: bool = False) -> None:
    row.tries += 1
    row.refusal = reason
    row.refused_for_good = for_good
    pause = min(LONGEST_PAUSE, 2 ** min(row.tries, 10))
    row.next_try_at = timezone.now() + timedelta(seconds=pause)
    logger.warning(
        "request_id=%s not_sent=%s tries=%s", row.request_id, reason, row.tries
    )
