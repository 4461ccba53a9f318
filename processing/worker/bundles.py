"""Bundles: several messages that one process of the pool handles together.

Handing over one message costs Celery a third of the time that a small event takes to process
(`python -m benchmarks --only process`). So the messages of one poll are handed over in
bundles. The process handles the messages of a bundle in order, each with its own
transaction, attempt and answer. No message is delivered again because of a neighbour:
* The process notes its progress in memory that it shares with the worker. So the worker
  knows which messages are done, which one failed and which were never begun, even if the
  process was killed. It hands those that were never begun to the pool again, each alone.
* After a message that fails, and after BEGIN_FOR seconds, the process begins no other. So
  the worker may hand over the messages behind a slow one while that one is still handled:
  it looks every LOOK_EACH seconds, and parts a bundle that had begun at the look before.
* A message that SQS delivers again, because it failed or was lost before, goes alone.
* A bundle holds no more messages than each process would get anyway.
"""

import itertools
import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from time import monotonic
from typing import Self

import billiard

from processing.sqs.message import Message

# Messages. Where the pool does not fork (macOS) nothing is shared, so each goes alone.
LARGEST = 5 if billiard.get_start_method() == "fork" else 1
BEGIN_FOR = 1  # second after which a process begins no other message of its bundle
LOOK_EACH = 2 * BEGIN_FOR

# Two bytes for each of the last million bundles: how many of its messages are done, how
# many begun. A bundle ends, by its time limit, long before a million others were handed
# over, so its two bytes are its own while anybody writes them.
_SLOTS = 2**20
_board = mmap.mmap(-1, 2 * _SLOTS)
_serial = itertools.count()


class NotBegunError(Exception):
    """The bundle took too long to begin its other messages; they are handed over again."""


@dataclass(frozen=True, slots=True)
class Progress:
    done: Sequence[Message]
    failed: Sequence[Message]
    """The one that was begun and not done, if any."""
    not_begun: Sequence[Message]


def _clean_slot() -> int:
    slot = 2 * (next(_serial) % _SLOTS)
    _board[slot : slot + 2] = b"\0\0"
    return slot


@dataclass(frozen=True, slots=True)
class Bundle:
    """One to five messages of one queue, and the slot of the board that notes their progress."""

    messages: Sequence[Message] = field(repr=False)
    slot: int = field(default_factory=_clean_slot)

    @property
    def delivery_tag(self) -> str:
        return self.messages[0].receipt_handle

    def work_through(self, handle: Callable[[Message], None]) -> None:
        """*handle* the messages in order. In the process.

        Raises what *handle* raises, or NotBegunError.
        """
        began = monotonic()
        for number, message in enumerate(self.messages, start=1):
            if number > 1 and monotonic() - began >= BEGIN_FOR:
                raise NotBegunError(f"{number - 1} of {len(self.messages)} done")
            _board[self.slot + 1] = number
            handle(message)
            _board[self.slot] = number

    @property
    def is_begun(self) -> bool:
        return _board[self.slot + 1] > 0

    def without(self, others: Sequence[Message]) -> Self:
        """This bundle without *others*, its last messages, which were handed over again."""
        return replace(self, messages=self.messages[: -len(others)])

    def progress(self) -> Progress:
        """The progress of the process before it answered or died. In the worker.

        If no message is noted as begun, the first one counts as failed. Otherwise a message
        that kills a process before it can note anything would be tried for ever.
        """
        done, begun = _board[self.slot : self.slot + 2]
        begun = max(1, begun)
        return Progress(
            done=self.messages[:done],
            failed=self.messages[done:begun],
            not_begun=self.messages[begun:],
        )


def tie(
    received: Sequence[Message], *, in_flight: int, processes: int
) -> Iterator[Bundle]:
    """Tie the messages of one poll into bundles, for a worker with *in_flight* others."""
    share = min(LARGEST, max(1, ceil((in_flight + len(received)) / processes)))
    first = [message for message in received if message.receive_count == 1]
    for start in range(0, len(first), share):
        yield Bundle(first[start : start + share])
    for message in received:
        if message.receive_count > 1:
            yield Bundle([message])
