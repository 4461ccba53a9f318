"""While a backlog waits on SQS, a worker takes more at once.

A poll brings ten messages at most, and a set of fifty takes half the processor time of five
sets of ten. So a full poll of messages that SQS has had for BACKLOG waits for the next one,
for LONGEST_WAIT at most. The messages of any other poll are handed over at once: there is no
backlog, or none that is old enough for the wait to be small beside it.

A worker that holds more keeps more from the others, and loses more time where an event of a
set fails. So it begins with WORKER_PREFETCH_MULTIPLIER for each process, and holds more only
while bundles are done in sets, and quickly. What is slow, fails or is large takes it back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from processing.sqs import queues
from processing.sqs.message import Message
from processing.worker import bundles
from processing.worker.bundles import Bundle

LONGEST_WAIT = 0.05  # seconds that a full poll waits for others
BACKLOG = timedelta(seconds=0.3)
QUICK = 0.5  # seconds from the hand-over of a bundle to its answer
MOST_TIMES = 5
LARGE = 256 * 1024  # characters of one poll


class Pace:
    """How many times its prefetch a worker holds."""

    def __init__(self) -> None:
        self.times = 1

    @property
    def largest(self) -> int:
        """Messages in one bundle."""
        return bundles.LARGEST * self.times

    def note_received(self, received: Sequence[Message]) -> None:
        if sum(one.length for one in received) > LARGE:
            self.times = 1

    def note_answered(self, bundle: Bundle) -> None:
        """Of a bundle of one message, only slowness tells."""
        if bundle.age > QUICK:
            self.times = 1
        elif len(bundle.messages) > 1:
            self.times = min(2 * self.times, MOST_TIMES) if bundle.was_set else 1


def _is_backlog(received: Sequence[Message]) -> bool:
    oldest = min((one.sent_at for one in received), default=None)
    is_full = len(received) >= queues.BATCH
    return is_full and oldest is not None and timezone.now() - oldest > BACKLOG


@dataclass(eq=False, slots=True)
class _Waiting:
    messages: list[Message] = field(default_factory=list)


class JoinedPolls:
    """The messages of each queue that wait for those of the next poll.

    *hand_over* gets a queue and its messages; *later* calls something after some seconds.
    """

    def __init__(
        self,
        hand_over: Callable[[str, Sequence[Message]], None],
        later: Callable[..., Any],
    ) -> None:
        self._hand_over = hand_over
        self._later = later
        self._waiting: dict[str, _Waiting] = {}

    def add(self, queue: str, received: Sequence[Message], largest: int) -> None:
        """Hand over *received* with what waits, or let it wait if more may come soon."""
        waiting = self._waiting.setdefault(queue, _Waiting())
        waiting.messages += received
        if not _is_backlog(received) or len(waiting.messages) >= largest:
            self._end(queue, waiting)
        elif len(waiting.messages) == len(received):
            self._later(LONGEST_WAIT, self._end, queue, waiting)

    def messages(self) -> list[Message]:
        """All that wait; safe to call from another thread."""
        return [one for some in list(self._waiting.values()) for one in some.messages]

    def take(self, queue: str) -> Sequence[Message]:
        """What waits of *queue*, which waits no more."""
        return self._waiting.pop(queue, _Waiting()).messages

    def _end(self, queue: str, waiting: _Waiting) -> None:
        if self._waiting.get(queue) is waiting:
            self._hand_over(queue, self.take(queue))
