"""Messages that cross to a process of the pool together.

To hand one message over costs Celery a third of what a small event costs to process
(`python -m benchmarks --only process`). So what one poll brings crosses in bundles, and
the process works through one in order, each message with its own transaction, attempt and
answer. No message pays for its neighbours:
* A process notes in memory that it shares with the worker how far it is, so the worker
  knows, even when the process was killed, which messages are done, which one failed and
  which were never begun. Those go back to the pool, each alone, and lose no delivery.
* After one that fails, and after BEGIN_FOR seconds, no other is begun: whoever comes
  behind a broken connection or a slow message is handed over again, to whoever is free.
* What SQS delivers again, because it failed or was lost before, goes alone at once.
* A bundle is no larger than what each process has to do anyway; none idles for it.
"""

import itertools
import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from processing.queues import Message

LARGEST = 5  # messages
BEGIN_FOR = 1  # second after which a process begins no other message of its bundle

# Two bytes for each of the last million bundles, shared because the pool forks: how many of
# its messages are done, how many begun. A bundle ends, by its time limit, long before a
# million others were handed over, so its two bytes are its own while anybody writes them.
_PLACES = 2**20
_board = mmap.mmap(-1, 2 * _PLACES)
_serial = itertools.count()


class NotBegunError(Exception):
    """The bundle took too long to begin its other messages; they are handed over again."""


def _clean_place() -> int:
    place = 2 * (next(_serial) % _PLACES)
    _board[place : place + 2] = b"\0\0"
    return place


@dataclass(frozen=True, slots=True)
class Bundle:
    """One to five messages of one queue, and where their progress is noted."""

    messages: Sequence[Message]
    place: int = field(default_factory=_clean_place)

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

    # -- in the worker, once the process has answered or died ---------------------------
    @property
    def done(self) -> Sequence[Message]:
        return self.messages[: _board[self.place]]

    @property
    def failed(self) -> Sequence[Message]:
        """The one message that was begun and not done; the first, if none was begun."""
        return self.messages[_board[self.place] : self._begun]

    @property
    def not_begun(self) -> Sequence[Message]:
        return self.messages[self._begun :]

    @property
    def _begun(self) -> int:
        return max(1, _board[self.place + 1])


def tie(received: Sequence[Message], *, held: int, processes: int) -> Iterator[Bundle]:
    """Bundles of what one poll brought to a worker that holds *held* other messages."""
    share = min(LARGEST, max(1, ceil((held + len(received)) / processes)))
    first = [message for message in received if message.receive_count == 1]
    for start in range(0, len(first), share):
        yield Bundle(first[start : start + share])
    for message in received:
        if message.receive_count > 1:
            yield Bundle([message])
