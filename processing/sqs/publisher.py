"""Put events, jobs and dead letters on their queues.

A web request waits for the send. So a send takes about 1.5 s at most (a second more for a
whole MiB) and is tried once. If SQS does not take an event, the caller puts it into the
spool. After a timeout SQS may have the event all the same, so a retry uses the same request
id.

Two ways lead to `_send_batch`, which asks the circuit breaker first:

* `publish`: one event of a web request. SendBatcher joins it with those of other threads.
* `publish_many`: a list of events. `_batches` cuts it into calls of ten.

Jobs, raw bodies and dead letters go alone, by `_send_one`.
"""

import functools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, cast

from botocore.exceptions import ClientError
from django.conf import settings

from processing.circuit_breaker import Breakers
from processing.events.attributes import RECEIPT, Attributes
from processing.events.envelope import Event, new_id
from processing.sqs import entries, queues, refusals
from processing.sqs.credentials import CredentialsError
from processing.sqs.message import Message
from processing.sqs.send_batcher import OutOfTimeError, SendBatcher
from processing.sqs.topology import MAX_MESSAGE_BYTES, QUEUES


class SendError(Exception):
    """SQS did not confirm the message; it may or may not have taken it.

    `for_good`: SQS refuses this message each time it is sent. `is_away`: SQS takes no
    message of any queue. `was_asked` is false where the circuit breaker made no call.

    Raised here, and caught by the callers: the front door (intake/accept.py), the spool,
    the redrive (redrive/sender.py) and the worker that dead-letters a message.
    """

    def __init__(
        self,
        reason: str,
        *,
        for_good: bool = False,
        is_away: bool = False,
        was_asked: bool = True,
    ) -> None:
        self.for_good = for_good
        self.is_away = is_away
        self.was_asked = was_asked
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Sent:
    """The result for one event of a batch: a message id, or the error."""

    event: Event
    message_id: str | None = None
    error: SendError | None = None


#: An event and its entry for SendMessageBatch.
Entry = tuple[Event, dict[str, Any]]


def forget() -> None:
    """Reset the circuit breakers and connections, after SQS's address has changed."""
    queues.forget()
    for kept in (_batcher, _breakers):
        kept.cache_clear()


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
    send = functools.partial(_send_batch, queue, last_resort=last_resort)
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
    own = (
        new_id()
    )  # in a group of its own on a FIFO queue, because its order is not known
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
        raise _send_error(error) from None


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
        sent = [
            one for batch in _batches(going) for one in _send_what_fits(queue, batch)
        ]
        results.update(zip(numbers, sent, strict=True))
    return [results[number] for number in range(len(ordered))]


def _entry(event: Event, beside: Attributes | None, queue: str) -> dict[str, Any]:
    return entries.of_event(event, beside or Attributes(), queue)


def _send_what_fits(queue: str, batch: Sequence[Entry]) -> list[Sent]:
    """Refuse an entry that is too large: SQS would refuse the whole call because of it."""
    if len(batch) == 1 and entries.size(batch[0][1]) > MAX_MESSAGE_BYTES:
        error = SendError("MessageTooLong", for_good=True)
        return [Sent(batch[0][0], error=error)]
    return _send_batch(queue, batch)


def _send_batch(
    queue: str,
    batch: Sequence[Entry],
    within: float = inf,
    *,
    last_resort: bool = False,
) -> list[Sent]:
    """One SendMessageBatch; a result for each entry, in order, *within* seconds."""
    breakers = _breakers(os.getpid(), settings.SQS_ENDPOINT_URL)
    if shut := breakers.shut_for(queue, last_resort=last_resort):
        away = SendError(shut.reason, is_away=shut is breakers.whole, was_asked=False)
        return [Sent(event, error=away) for event, _ in batch]
    numbered = [{"Id": str(number), **entry} for number, (_, entry) in enumerate(batch)]
    try:
        answer = queues.sender().send_message_batch(
            QueueUrl=queues.url(queue), Entries=numbered, within=within
        )
    except queues.SQS_ERRORS as error:
        refusals.log(error, queue, "SendMessageBatch")
        refused = _send_error(error)
        if refused.for_good and len(batch) > 1:  # one entry spoils the others
            alone = functools.partial(_send_batch, queue, last_resort=last_resort)
            return [sent for entry in batch for sent in alone([entry], within)]
        # Missing credentials are found without a call, and are no failure of SQS.
        if not isinstance(error, CredentialsError):
            _note_failure(breakers, queue, refused, last_resort=last_resort)
        return [Sent(event, error=refused) for event, _ in batch]
    breakers.took(queue)
    return _results(batch, answer)


def _note_failure(
    breakers: Breakers, queue: str, refused: SendError, *, last_resort: bool
) -> None:
    if refused.for_good:  # the message is at fault; the queue takes others
        breakers.took(queue)
    elif refused.is_away:
        breakers.no_answer(queue, str(refused), last_resort=last_resort)
    else:
        breakers.refused(queue, str(refused), last_resort=last_resort)


def _results(batch: Sequence[Entry], answer: dict[str, Any]) -> list[Sent]:
    ids = {good["Id"]: good["MessageId"] for good in answer.get("Successful", [])}
    codes = {bad["Id"]: bad["Code"] for bad in answer.get("Failed", [])}
    return [
        Sent(event, message_id=ids[str(number)])
        if str(number) in ids
        else Sent(event, error=_refusal(codes.get(str(number), "NoAnswer")))
        for number, (event, _) in enumerate(batch)
    ]


@functools.cache
def _breakers(pid: int, endpoint: str) -> Breakers:
    return Breakers(QUEUES)


def _batches(going: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    room = MAX_MESSAGE_BYTES
    for event, entry in going:
        size = entries.size(entry)
        if batch and (len(batch) == queues.BATCH or size > room):
            yield batch
            batch, room = [], MAX_MESSAGE_BYTES
        batch.append((event, entry))
        room -= size
    if batch:
        yield batch


def _send_error(error: Exception) -> SendError:
    if isinstance(error, ClientError):
        return _refusal(error.response["Error"]["Code"])
    return SendError(refusals.code(error), is_away=True)


def _refusal(code: str) -> SendError:
    short = refusals.shortened(code)
    return SendError(short, for_good=short in refusals.FOR_GOOD)


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
