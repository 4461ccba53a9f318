"""Delete handled messages ten at a time, while the worker goes on.

A message is done with once its transaction is committed; until its delete arrives SQS may
deliver it again, and the claim then recognises it. So a delete may wait for others, and may
fail: a failure is logged and nothing else. On a FIFO queue it does not wait, because the
next message of the group waits for it. At the end `close` deletes at once what still
waits, and what has no answer yet.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from processing.sqs import queues, refusals
from processing.sqs.topology import QUEUES

logger = logging.getLogger(__name__)

GATHER = 0.1  # seconds that a delete waits for others


@dataclass(eq=False, slots=True)
class _Batch:
    queue: str
    handles: list[str] = field(default_factory=list)


class Deletes:
    """The deletes of one channel, one call at a time, as its event loop makes them.

    *post* sends one DeleteMessageBatch of (queue, handles) and calls back with the answer;
    *later* calls something after some seconds.
    """

    def __init__(
        self,
        post: Callable[[str, Sequence[str], Callable[[Any], None]], Any],
        later: Callable[..., Any],
    ) -> None:
        self._post = post
        self._later = later
        self._gathering: dict[str, _Batch] = {}
        self._under_way: set[_Batch] = set()
        self._closed = False

    def add(self, queue: str, handle: str) -> None:
        if self._closed:  # the event loop does not run any more
            return _delete_now(queue, [handle])
        batch = self._gathering.setdefault(queue, _Batch(queue))
        batch.handles.append(handle)
        if len(batch.handles) == queues.BATCH or QUEUES[queue].fifo:
            self._send(batch)
        elif len(batch.handles) == 1:
            self._later(GATHER, self._send, batch)
        return None

    def close(self) -> None:
        self._closed = True
        for batch in [*self._gathering.values(), *self._under_way]:
            _delete_now(batch.queue, batch.handles)
        self._gathering.clear()
        self._under_way.clear()

    def _send(self, batch: _Batch) -> None:
        if self._gathering.get(batch.queue) is not batch:
            return  # the batch was full before its time
        del self._gathering[batch.queue]
        self._under_way.add(batch)
        try:
            self._post(
                batch.queue, batch.handles, lambda answer: self._answered(batch, answer)
            )
        except Exception as error:  # signing, for one: there may be no credentials
            self._under_way.discard(batch)
            _log_failure(batch.queue, len(batch.handles), refusals.code(error))

    def _answered(self, batch: _Batch, answer: Any) -> None:
        self._under_way.discard(batch)
        for failed in answer.get("Failed") or ():
            _log_failure(batch.queue, 1, failed.get("Code"))


def _delete_now(queue: str, handles: Sequence[str]) -> None:
    try:
        queues.delete(queue, handles)
    except Exception as error:
        _log_failure(queue, len(handles), refusals.code(error))


def _log_failure(queue: str, number: int, reason: str) -> None:
    logger.error(
        "queue=%s not_deleted=%s reason=%s; will come again", queue, number, reason
    )
