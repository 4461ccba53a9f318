"""Put events, jobs and dead letters on their queues.

A web request waits for the send. So a send takes about 1.5 s at most (a second more for a
whole MiB) and is tried once. If SQS does not take an event, the caller puts it into the
spool. After a timeout SQS may have the event all the same, so a retry uses the same request
id.

Two ways lead to `send_batch` (processing/sqs/batches.py), which asks the circuit breaker first:

* `publish`: one event of a web request. SendBatcher joins it with those of other threads.
* `publish_many`: a list of events. `batches_of` cuts it into calls of ten.

Jobs, raw bodies and dead letters go alone, by `_send_one`.
"""

import functools
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, cast

from processing.events.attributes import RECEIPT, Attributes
from processing.events.envelope import Event, new_id
from processing.sqs import batches, entries, queues, refusals
from processing.sqs.at_once import at_once
from processing.sqs.batches import Entry, Sent, batches_of, send_batch
from processing.sqs.message import Message
from processing.sqs.refusals import SendError
from processing.sqs.send_batcher import OutOfTimeError, SendBatcher
from processing.sqs.topology import MAX_MESSAGE_BYTES, QUEUES


def forget() -> None:
    """Reset the circuit breakers and connections, after SQS's address has changed."""
    queues.forget()
    batches.forget()
    _batcher.cache_clear()


def check_size(event: Event) -> None:
    """Raises TooLargeError before the event is accepted, never after."""
    entries.check_size(entries.of_event(event, RECEIPT, event.queue))


def publish(event: Event, **attributes: str) -> str:
    """Put one event on its queue and return the SQS message id.

    Raises TooLargeError before anything is sent, or SendError. Threads that publish at the
    same time share a call (processing/sqs/send_batcher.py).
    """
    return _publish(event, attributes)


def publish_after_all(event: Event, **attributes: str) -> str:
    """Like `publish`, even if the breaker is open; for events that nobody else can keep."""
    return _publish(event, attributes, last_resort=True)


def _publish(
    event: Event, attributes: dict[str, str], *, last_resort: bool = False
) -> str:
    entry = entries.of_event(event, Attributes(attributes), event.queue)
    size = entries.check_size(entry)
    try:
        batcher = _batcher(os.getpid(), event.queue, last_resort)
        sent = batcher.put((event, entry), size)
    except OutOfTimeError as error:
        raise SendError(str(error)) from None
    if sent.error is not None:
        raise sent.error
    return cast(str, sent.message_id)


@functools.cache
def _batcher(pid: int, queue: str, last_resort: bool) -> SendBatcher[Entry, Sent]:
    send = functools.partial(send_batch, queue, last_resort=last_resort)
    return SendBatcher(send, most=queues.BATCH, room=MAX_MESSAGE_BYTES)


def send_job(
    name: str, job_id: str, arguments: dict[str, Any], *, delay: int = 0
) -> None:
    """Put one internal job on the jobs queue, to run after *delay* seconds (0-900).

    On a FIFO queue, where SQS delays no single message, it runs at once. Raises SendError.
    """
    body = json.dumps({"id": job_id, "job": name, "arguments": arguments})
    send_raw("jobs", body, delay=delay)


def send_raw(queue: str, body: str, *, delay: int = 0) -> None:
    """Put *body* on a queue as it is, like a producer that knows nothing of us. Raises SendError."""
    # In a group of its own on a FIFO queue, because its order is not known.
    own = new_id()
    how = entries.on_fifo(queue, own, own)
    if delay and not how:
        how = {"DelaySeconds": delay}
    _send_one(queue, body, **how)


def _send_one(queue: str, body: str, **how: Any) -> None:
    try:
        queues.sender().send_message(
            QueueUrl=queues.url(queue), MessageBody=body, **how
        )
    except queues.SQS_ERRORS as error:
        refusals.log(error, queue, "SendMessage")
        raise SendError.of(error) from None


def publish_many(
    events: Iterable[Event],
    beside: Sequence[Attributes] = (),
    names: Sequence[str] = (),
) -> list[Sent]:
    """Put events on their queues by SendMessageBatch; one result an event, in order.

    *beside*, where given, are the attributes of each event. *names*, where given, are one
    queue an event, instead of its own.

    Never raises for a send: each event that SQS did not confirm carries its SendError.
    """
    ordered = list(events)
    results: dict[int, Sent] = {}
    goals = list(names) or [event.queue for event in ordered]
    for queue in dict.fromkeys(goals):
        numbers = [number for number, goal in enumerate(goals) if goal == queue]
        going = [
            (ordered[one], _entry(ordered[one], beside[one] if beside else None, queue))
            for one in numbers
        ]
        sent = _send_all(queue, list(batches_of(going)))
        results.update(zip(numbers, sent, strict=True))
    return [results[number] for number in range(len(ordered))]


def _send_all(queue: str, batches: Sequence[Sequence[Entry]]) -> list[Sent]:
    send = functools.partial(_send_what_fits, queue)
    if QUEUES[queue].fifo:  # it keeps the order in which it takes them
        results = [send(batch) for batch in batches]
    else:
        results = at_once(send, batches)
    return [one for sent in results for one in sent]


def _entry(event: Event, beside: Attributes | None, queue: str) -> dict[str, Any]:
    return entries.of_event(event, beside or Attributes(), queue)


def _send_what_fits(queue: str, batch: Sequence[Entry]) -> list[Sent]:
    """Refuse an entry that is too large: SQS would refuse the whole call because of it."""
    if len(batch) == 1 and entries.size(batch[0][1]) > MAX_MESSAGE_BYTES:
        error = SendError("MessageTooLong", for_good=True)
        return [Sent(batch[0][0], error=error)]
    return send_batch(queue, batch)


def dead_letter(message: Message, failure: dict[str, Any]) -> None:
    """Send a message to its DLQ at once, byte for byte, with the reason beside it.

    Raises SendError (the caller then leaves the message to the redrive policy).
    """
    try:
        entry = entries.of_dead_letter(message, failure)
    except entries.TooLargeError as error:
        raise SendError(type(error).__name__, for_good=True) from None
    body = entry.pop("MessageBody")
    _send_one(QUEUES[message.queue].dlq, body, **entry)
