"""Receive the messages of a DLQ in sets, each while the one before is stored."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

from processing.sqs import queues, refusals
from processing.sqs.at_once import WAYS, at_once
from processing.sqs.message import Message

SET = 250  # messages stored in one transaction
ROOM = 1024 * 1024  # characters, after which a set takes no more
GATHERING = 5  # seconds after which a set takes no more, where SQS is slow
#: Seconds; far above what it takes to receive a set, store the one before, and store it.
VISIBILITY = 120


def sets(dlq: str, until: float) -> Generator[list[Message]]:
    """Sets of messages, until the DLQ is empty or the clock is at *until*.

    Where a set may not be the last, a thread receives the next one meanwhile. Raises one of
    SQS_ERRORS.
    """
    with ThreadPoolExecutor(1, "receive") as ahead:
        coming: Future[list[Message]] | None = None
        while coming or monotonic() < until:
            messages = coming.result() if coming else receive_set(dlq)
            # What was received ahead may be nothing although the DLQ is not empty: a FIFO
            # queue holds a group back while the set before it is in flight.
            if not messages and not coming:
                return
            more = len(messages) >= queues.BATCH and monotonic() < until
            coming = ahead.submit(receive_set, dlq) if more else None
            if messages:
                yield messages


def receive_set(dlq: str) -> list[Message]:
    """Up to SET messages. Raises one of SQS_ERRORS if SQS gave none."""
    ends = monotonic() + GATHERING
    limits = [min(queues.BATCH, SET)]
    found = messages = _receive(dlq, limits[0])  # alone: most DLQs are empty
    room = ROOM - _size(found)
    while found and len(messages) < SET and room > 0 and monotonic() < ends:
        is_more = len(found) == sum(limits)
        calls = _calls(room, like=found) if is_more else 1
        limits = _limits(SET - len(messages), calls)
        answers = at_once(lambda limit: _receive_or_none(dlq, limit), limits)
        found = [message for answer in answers for message in answer]
        messages = messages + found
        room -= _size(found)
    return messages


def _calls(room: int, like: list[Message]) -> int:
    """How many calls bring no more than *room*, if they bring messages *like* these."""
    mean = max(1, _size(like) // len(like))
    return min(WAYS, max(1, room // (mean * queues.BATCH)))


def _limits(most: int, calls: int) -> list[int]:
    """How many messages each of *calls* may bring, *most* in all."""
    starts = range(0, min(most, calls * queues.BATCH), queues.BATCH)
    return [min(queues.BATCH, most - start) for start in starts]


def _receive_or_none(dlq: str, limit: int) -> list[Message]:
    """None if SQS does not answer: what the other calls gave is stored."""
    try:
        return _receive(dlq, limit)
    except queues.SQS_ERRORS as error:
        refusals.log(error, dlq, "pull")
        return []


def _receive(dlq: str, limit: int) -> list[Message]:
    return queues.receive(dlq, limit=limit, visibility=VISIBILITY)


def _size(messages: list[Message]) -> int:
    return sum(message.length for message in messages)
