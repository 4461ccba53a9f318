"""The spool: events that must reach their queue and have not yet.

Crash order: select the rows (others skip them) -> send -> delete the rows -> commit. A
crash after the send sends again with the same request ids, and the worker drops the copy.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from processing import events, sending
from processing.attributes import RECEIPT, Attributes
from processing.event_errors import EventError, PermanentError
from processing.models import SpooledEvent

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 300  # seconds between two tries


class HeldOtherwiseError(PermanentError):
    """This request id is held for another content, which has not been sent yet."""


def hold(event: events.Event, refusal: str) -> None:
    """Keep an accepted event that SQS did not take. Once a request id, however often.

    Raises HeldOtherwiseError.
    """
    _insert(event, refusal=refusal)
    logger.warning("request_id=%s spooled=%s", event.id, refusal)


def record(follow_ups: Iterable[events.Event], cause: str) -> None:
    """Note events that follow *cause*; call it in the transaction of the cause's effect.

    Raises HeldOtherwiseError.
    """
    for event in follow_ups:
        _insert(event, cause=cause)


def send_follow_ups(cause: str) -> int:
    """Publish what *cause* recorded; what SQS does not take now is left to the relay."""
    return _send(SpooledEvent.objects.filter(cause=cause))


def relay(limit: int = 100) -> int:
    """Publish the *limit* oldest events whose time has come; return how many were sent."""
    return _send(SpooledEvent.objects.filter(next_try_at__lte=timezone.now()), limit)


def _insert(event: events.Event, cause: str = "", refusal: str = "") -> None:
    row = SpooledEvent(
        request_id=event.id,
        cause=cause,
        body=event.body,
        refusal=refusal,
        next_try_at=timezone.now(),
    )
    try:
        _store(row)
    except IntegrityError:
        held = _held(event.id)
        if held is None:  # it was relayed in this moment, so there is room now
            _store(row)
        elif not _is_same(held, event):
            raise HeldOtherwiseError(HeldOtherwiseError.__doc__) from None


@transaction.atomic
def _store(row: SpooledEvent) -> None:
    row.save(force_insert=True)


def _held(request_id: str) -> SpooledEvent | None:
    return SpooledEvent.objects.filter(pk=request_id).first()


def _is_same(held: SpooledEvent, event: events.Event) -> bool:
    try:
        found = events.parse(held.body, fallback_id=held.request_id)
    except EventError:  # of another release, and so nothing that this one could send
        return False
    return found.fingerprint == event.fingerprint


@transaction.atomic
def _send(waiting: QuerySet[SpooledEvent], limit: int = 100) -> int:
    waiting = waiting.filter(refused_for_good=False)
    rows = {
        row.request_id: row
        for row in waiting.select_for_update(skip_locked=True)[:limit]
    }
    found = [event for row in rows.values() if (event := _event_in(row)) is not None]
    # What follows another event was accepted from nobody.
    beside = [Attributes() if rows[event.id].cause else RECEIPT for event in found]
    results = sending.publish_many(found, beside)
    sent = [result.event.id for result in results if result.error is None]
    for result in results:
        if (error := result.error) is not None:
            _postpone(rows[result.event.id], str(error), for_good=error.for_good)
    SpooledEvent.objects.filter(request_id__in=sent).delete()
    return len(sent)


def _event_in(row: SpooledEvent) -> events.Event | None:
    """None where it takes another release to read the row, which then waits for that."""
    try:
        return events.parse(row.body, fallback_id=row.request_id)
    except EventError as error:
        _postpone(row, type(error).__name__)
        return None


def _postpone(row: SpooledEvent, reason: str, *, for_good: bool = False) -> None:
    row.tries += 1
    row.refusal = reason
    row.refused_for_good = for_good
    pause = min(LONGEST_PAUSE, 2 ** min(row.tries, 10))
    row.next_try_at = timezone.now() + timedelta(seconds=pause)
    row.save(update_fields=["tries", "refusal", "refused_for_good", "next_try_at"])
    logger.warning(
        "request_id=%s not_sent=%s tries=%s", row.request_id, reason, row.tries
    )
