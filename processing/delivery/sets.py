"""Process several deliveries together: the events of one type in one bundle (a set).

Crash order: one transaction {claim the request ids; effects; follow-ups recorded} -> commit
-> publish the follow-ups -> yield, and the transport deletes the messages. A crash anywhere
leaves the messages on SQS; the next delivery of each finds its claim, or does everything.

Isolation: any error rolls the set back. Its messages are not yielded, so the caller handles
each of them alone (`processor.handle`), and the one to blame is found there. A set takes
LONGEST seconds at most, so that no event holds up its neighbours for longer.

These go alone from the beginning:
* what is redriven, what was delivered before, and what comes from a FIFO queue;
* what cannot be parsed, or came on the queue of another type;
* a type that has an effect outside the database;
* an event whose request id was claimed before: a copy, or a conflict;
* the later one of two with the same request id, or about the same order or address.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction

from processing.delivery import attempts, log_lines, processor, spool
from processing.delivery.interruption import (
    TookTooLongError,
    drop_connection,
    interrupt_after,
)
from processing.events import envelope
from processing.events.attributes import REDRIVE
from processing.handlers import registry
from processing.handlers.effect import Effect
from processing.metrics import tally
from processing.metrics.declared import SUCCESS
from processing.models import Outcome
from processing.sqs.message import Message
from processing.sqs.topology import QUEUES
from processing.tracing import spans
from processing.tracing.context import within

logger = logging.getLogger(__name__)

LONGEST = 5  # seconds that the transaction of a set may take


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message, and the event in it."""

    message: Message
    event: envelope.Event


def process(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Process *messages* in sets, as far as that goes. Yield those of each set when done.

    A message that is not yielded has had no effect here. Never raises an Exception.
    """
    for deliveries in _sets(messages):
        done = _try(deliveries)
        if done:
            yield done


def _sets(messages: Sequence[Message]) -> list[list[Delivery]]:
    """The sets in *messages*, each of two events or more."""
    if not connection.features.can_return_rows_from_bulk_insert:  # an old SQLite
        return []
    by_type: dict[str, list[Delivery]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for message in messages:
        event = _event_in(message)
        if event is None:
            continue
        named = {("id", event.id), (event.data.reference_field, event.data.reference)}
        if not named & seen and _may_share(event, message):
            by_type[event.type].append(Delivery(message, event))
        seen |= named
    return [found for found in by_type.values() if len(found) > 1]


def _event_in(message: Message) -> envelope.Event | None:
    try:
        return envelope.parse(
            message.body, fallback_id=message.named_id, sent_at=message.first_sent_at
        )
    except Exception:  # of any kind: `processor` finds it again, and says what it is
        return None


def _may_share(event: envelope.Event, message: Message) -> bool:
    return (
        message.queue == event.queue
        and message.receive_count == 1
        and REDRIVE not in message.attributes
        and not QUEUES[message.queue].fifo
        and event.type not in registry.ALONE
    )


def _try(deliveries: Sequence[Delivery]) -> list[Message]:
    """The messages that are done; none after an error."""
    watch = attempts.Stopwatch()
    try:
        begun = {one.event.id: _begin(one.message) for one in deliveries}
        with interrupt_after(LONGEST):
            done, follow_ups = _take_effect(deliveries, begun)
        if follow_ups:
            spool.send_follow_ups(*follow_ups)
    except (TookTooLongError, SoftTimeLimitExceeded) as error:
        drop_connection()
        _log_failure(deliveries, error)
        return []
    except Exception as error:
        _log_failure(deliveries, error)
        return []
    for one in done:
        tally.begun(one.message, watch.started_at)
        tally.ended(one.message.queue, SUCCESS, watch.milliseconds)
        _tell(one, watch, begun[one.event.id], len(done))
    return [one.message for one in done]


def _begin(message: Message) -> spans.Span:
    """Where the set is rolled back, it never ends: the delivery has another one, alone."""
    return spans.begin(spans.PROCESS, message.queue, message.trace)


@transaction.atomic
def _take_effect(
    deliveries: Sequence[Delivery], begun: Mapping[str, spans.Span]
) -> tuple[list[Delivery], list[str]]:
    """The deliveries whose request id was free, and the request ids with follow-ups."""
    claims = {one.event.id: processor.claim_of(one.event) for one in deliveries}
    free = Outcome.claim_many(claims.values())
    claimed = [one for one in deliveries if one.event.id in free]
    if not claimed:
        return [], []
    events = sorted(
        (one.event for one in claimed), key=lambda event: event.data.reference
    )
    effects = list(zip(events, registry.apply_set(events), strict=True))
    _store_made((claims[event.id], effect) for event, effect in effects)
    follow_ups = [
        (event.id, follow_up, begun[event.id].trace)
        for event, effect in effects
        for follow_up in effect.follow_ups
    ]
    spool.record_many(follow_ups)
    return claimed, list(dict.fromkeys(cause for cause, *_ in follow_ups))


def _store_made(results: Iterable[tuple[Outcome, Effect]]) -> None:
    """Store what the effects made where the contract could not tell it beforehand."""
    changed = []
    for claim, effect in results:
        if claim.made != effect.made:
            claim.made = effect.made
            changed.append(claim)
    Outcome.objects.bulk_update(changed, ["made"])


def _tell(
    delivery: Delivery, watch: attempts.Stopwatch, span: spans.Span, size: int
) -> None:
    event = delivery.event
    identity = envelope.Identity(
        event.id, event.type, event.data.reference, event.correlation_id
    )
    with within(span.trace):
        log_lines.tell(
            delivery.message, identity, watch, span, "processed", together=size
        )
    span.end()


def _log_failure(deliveries: Sequence[Delivery], error: BaseException) -> None:
    logger.warning(
        "type=%s set=%s rolled_back=%s; each is handled alone",
        deliveries[0].event.type,
        len(deliveries),
        type(error).__name__,
    )
