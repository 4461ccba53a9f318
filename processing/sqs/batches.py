"""Batches for SendMessageBatch: cut, and sent through a circuit breaker.

Each event of a batch has its own result. A batch that SQS refuses for good is sent again one
entry at a time, because one bad entry spoils the others.
"""

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from django.conf import settings

from processing.circuit_breaker import Breakers
from processing.events.envelope import Event
from processing.sqs import entries, queues, refusals
from processing.sqs.call_counter import CIRCUIT_OPEN
from processing.sqs.credentials import CredentialsError
from processing.sqs.refusals import SendError
from processing.sqs.topology import MAX_MESSAGE_BYTES, QUEUES


@dataclass(frozen=True, slots=True)
class Sent:
    """The result for one event of a batch: a message id, or the error."""

    event: Event
    message_id: str | None = None
    error: SendError | None = None


#: An event and its entry for SendMessageBatch.
Entry = tuple[Event, dict[str, Any]]


def forget() -> None:
    """Close the circuit breakers, after SQS's address has changed."""
    _breakers.cache_clear()


def batches_of(going: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut *going* into batches that one call can take: ten entries, 1 MiB together."""
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


def send_batch(
    queue: str,
    batch: Sequence[Entry],
    within: float = inf,
    *,
    last_resort: bool = False,
) -> list[Sent]:
    """One SendMessageBatch; a result for each entry, in order, *within* seconds."""
    breakers = _breakers(os.getpid(), settings.SQS_ENDPOINT_URL)
    if shut := breakers.shut_for(queue, last_resort=last_resort):
        CIRCUIT_OPEN.count(queue)
        away = SendError(shut.reason, is_away=shut is breakers.whole, was_asked=False)
        return [Sent(event, error=away) for event, _ in batch]
    try:
        answer = queues.sender().send_message_batch(
            QueueUrl=queues.url(queue), Entries=_numbered(batch), within=within
        )
    except queues.SQS_ERRORS as error:
        refused = _noted(error, breakers, queue, last_resort=last_resort)
        if breakers.are_open(queue):
            CIRCUIT_OPEN.count(queue)
        if refused.for_good and len(batch) > 1:  # one entry spoils the others
            alone = functools.partial(send_batch, queue, last_resort=last_resort)
            return [sent for entry in batch for sent in alone([entry], within)]
        return [Sent(event, error=refused) for event, _ in batch]
    breakers.took(queue)
    return _results(batch, answer)


def _numbered(batch: Sequence[Entry]) -> list[dict[str, Any]]:
    return [{"Id": str(number), **entry} for number, (_, entry) in enumerate(batch)]


def _noted(
    error: Exception, breakers: Breakers, queue: str, *, last_resort: bool
) -> SendError:
    """Log *error*, and let the circuit breakers know of it."""
    refusals.log(error, queue, "SendMessageBatch")
    refused = SendError.of(error)
    if isinstance(error, CredentialsError):
        pass  # found without a call, so it is no failure of SQS
    elif refused.for_good:  # the message is at fault; the queue takes others
        breakers.took(queue)
    elif refused.is_away:
        breakers.no_answer(queue, str(refused), last_resort=last_resort)
    else:
        breakers.refused(queue, str(refused), last_resort=last_resort)
    return refused


def _results(batch: Sequence[Entry], answer: dict[str, Any]) -> list[Sent]:
    ids = {good["Id"]: good["MessageId"] for good in answer.get("Successful", [])}
    codes = {bad["Id"]: bad["Code"] for bad in answer.get("Failed", [])}
    return [
        Sent(event, message_id=ids[str(number)])
        if str(number) in ids
        else Sent(event, error=SendError.of_code(codes.get(str(number), "NoAnswer")))
        for number, (event, _) in enumerate(batch)
    ]


@functools.cache
def _breakers(pid: int, endpoint: str) -> Breakers:
    return Breakers(QUEUES)
