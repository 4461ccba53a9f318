"""Messages that cross to a process of the pool together.

To hand one message over costs Celery a third of what a small event costs to process
(`python -m benchmarks --only process`). So what one poll brings crosses in bundles, and
the process works through one in order, each message with its own transaction, attempt and
answer. No message is delivered once more for what a neighbour does:
* A process notes in memory that it shares with the worker how far it is, so the worker
  knows, even when the process was killed, which messages are done, which one failed and
  which were never begun. Those go back to the pool, each alone.
* After one that fails, and after BEGIN_FOR seconds, no other is begun. So the worker may
  hand over those behind a slow one while that goes on: it looks each LOOK_EACH seconds,
  and parts a bundle that was begun by the look before.
* What SQS delivers again, because it failed or was lost before, goes alone.
* A bundle is no larger than what each process has to do anyway.
"""

import itertools
import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from time import monotonic
from typing import Self

import billiard

from processing.sqs.queues import Message

# Messages. Where the pool does not fork (macOS) nothing is shared, so each goes alone.
LARGEST = 5 if billiard.get_start_method() == "fork" else 1
BEGIN_FOR = 1  # second after which a process begins no other message of its bundle
LOOK_EACH = 2 * BEGIN_FOR

# Two bytes for each of the last million bundles: how many of its messages are done, how
# many begun. A bundle ends, by its time limit, long before a million others were handed
# over, so its two bytes are its own while anybody writes them.
_PLACES = 2**20
_board = mmap.mmap(-1, 2 * _PLACES)
_serial = itertools.count()


class NotBegunError(Exception):
    """The bundle took too long to begin its other messages; they are handed over again."""


@dataclass(frozen=True, slots=True)
class Progress:
    done: Sequence[Message]
    failed: Sequence[Message]
    """The one that was begun and not done, if any."""
    not_begun: Sequence[Message]


def _clean_place() -> int:
    place = 2 * (next(_serial) % _PLACES)
    _board[place : place + 2] = b"\0\0"
    return place


@dataclass(frozen=True, slots=True)
class Bundle:
    """One to five messages of one queue, and where their progress is noted."""

    messages: Sequence[Message] = field(repr=False)
    place: int = field(default_factory=_clean_place)

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
            _board[self.place + 1] = number
            handle(message)
            _board[self.place] = number

    @property
    def is_begun(self) -> bool:
        return _board[self.place + 1] > 0

    def without(self, others: Sequence[Message]) -> Self:
        """This bundle, once *others*, at its end, were handed over again."""
        return replace(self, messages=self.messages[: -len(others)])

    def progress(self) -> Progress:
        """How far the process was that answered or died. In the worker.

        Where none is noted as begun, the first is to blame: so whatever ends a process
        before it can note anything is counted, and nothing goes round for ever.
        """
        done, begun = _board[self.place : self.place + 2]
        begun = max(1, begun)
        return Progress(
            done=self.messages[:done],
            failed=self.messages[done:begun],
            not_begun=self.messages[begun:],
        )


def tie(received: Sequence[Message], *, held: int, processes: int) -> Iterator[Bundle]:
    """Bundles of what one poll brought to a worker that holds *held* other messages."""
    share = min(LARGEST, max(1, ceil((held + len(received)) / processes)))
    first = [message for message in received if message.receive_count == 1]
    for start in range(0, len(first), share):
        yield Bundle(first[start : start + share])
    for message in received:
        if message.receive_count > 1:
            yield Bundle([message])
