"""Bundles: several messages that one process of the pool handles together.

Handing over one message costs Celery a third of the time that a small event takes to process
(`python -m benchmarks --only process`), and a transaction for each costs more. So the
messages of one poll, or of several (worker/joined_polls.py), are handed over in bundles. The
process first handles what it can in sets, with one transaction for each (delivery/sets.py),
and then the others in order, each alone.
Each message has its own answer, and none is delivered again because of a neighbour:
* The process notes its progress in memory that it shares with the worker. So the worker
  knows which messages are done, which one failed and which were never begun, even if the
  process was killed. It hands those that were never begun to the pool again, each alone. So
  it does with those of a set: either nothing of the set was committed, or all of it, and
  then each finds its claim.
* After a message that fails, and after BEGIN_FOR seconds, the process begins no other. So
  the worker may hand over the messages behind a slow one while that one is still handled:
  it looks every LOOK_EACH seconds, and parts a bundle that had begun at the look before.
* A message that SQS delivers again, because it failed or was lost before, goes alone.
* A bundle holds no more messages than each process would get anyway.
"""

import itertools
import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from time import monotonic
from typing import Self

import billiard

from processing.sqs.message import Message

# Messages of one poll. Where the pool does not fork (macOS) nothing is shared, so each goes alone.
LARGEST = 10 if billiard.get_start_method() == "fork" else 1
BEGIN_FOR = 1  # second after which a process begins no other message of its bundle
LOOK_EACH = 2 * BEGIN_FOR

# One byte for each of the last two million messages: its step. A bundle ends, by its time
# limit, long before so many others were handed over, so its bytes are its own while anybody
# writes them.
_SLOTS = 2**21
_board = mmap.mmap(-1, _SLOTS)
_next_slot = itertools.count()
WAITING, IN_SET, BEGUN, DONE, DONE_IN_SET = range(5)


class NotBegunError(Exception):
    """The bundle took too long to begin its other messages; they are handed over again."""


@dataclass(frozen=True, slots=True)
class Progress:
    done: Sequence[Message]
    failed: Sequence[Message]
    """The one that was begun and not done, if any."""
    not_begun: Sequence[Message]
    """Those that wait, and those of a set that did not end."""


#: Processes messages in sets, and yields those of each set when it is done.
ProcessSets = Callable[[Sequence[Message]], Iterable[Sequence[Message]]]


def _clean_slot() -> int:
    slot = next(_next_slot) % _SLOTS
    _board[slot] = WAITING
    return slot


@dataclass(frozen=True, slots=True)
class Bundle:
    """Messages of one queue, and where the board notes the step of each."""

    messages: Sequence[Message] = field(repr=False)
    delivery_tag: str
    _slots: Mapping[str, int] = field(repr=False)
    """By receipt handle."""
    _tied_at: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Self:
        slots = {one.receipt_handle: _clean_slot() for one in messages}
        return cls(messages, messages[0].receipt_handle, slots)

    def work_through(
        self,
        handle: Callable[[Message], None],
        process_sets: ProcessSets = lambda _: (),
    ) -> None:
        """*process_sets*, then *handle* each of the others in order. In the process.

        Raises what *handle* raises, or NotBegunError.
        """
        ends = monotonic() + BEGIN_FOR
        others = self.messages
        if len(self.messages) > 1:
            others = self._process_sets(process_sets)
            _check_time(ends, others)
            self._note(WAITING, others)
        for number, message in enumerate(others):
            if number:
                _check_time(ends, others[number:])
            self._note(BEGUN, [message])
            handle(message)
            self._note(DONE, [message])

    def _process_sets(self, process_sets: ProcessSets) -> Sequence[Message]:
        """The messages that were in no set, or whose set failed."""
        self._note(IN_SET, self.messages)
        for done in process_sets(self.messages):
            self._note(DONE_IN_SET, done)
        return self._at(IN_SET)

    def _note(self, step: int, messages: Sequence[Message]) -> None:
        for message in messages:
            _board[self._slots[message.receipt_handle]] = step

    def _at(self, *steps: int) -> Sequence[Message]:
        return [
            one
            for one in self.messages
            if _board[self._slots[one.receipt_handle]] in steps
        ]

    @property
    def age(self) -> float:
        """Seconds."""
        return monotonic() - self._tied_at

    @property
    def was_set(self) -> bool:
        """Whether most of it was done in sets."""
        return 2 * len(self._at(DONE_IN_SET)) > len(self.messages)

    @property
    def is_begun(self) -> bool:
        return len(self._at(WAITING)) < len(self.messages)

    @property
    def waiting(self) -> Sequence[Message]:
        """Those that the process has not begun, neither alone nor in a set."""
        return self._at(WAITING)

    def without(self, others: Sequence[Message]) -> Self:
        """This bundle without *others*, which were handed over again."""
        gone = {one.receipt_handle for one in others}
        left = [one for one in self.messages if one.receipt_handle not in gone]
        return replace(self, messages=left)

    def progress(self) -> Progress:
        """The progress of the process before it answered or died. In the worker.

        If no message is noted as begun, the first one counts as failed. Otherwise a message
        that kills a process before it can note anything would be tried for ever.
        """
        failed, not_begun = self._at(BEGUN), self._at(WAITING, IN_SET)
        if not_begun and not self.is_begun:
            failed, not_begun = not_begun[:1], not_begun[1:]
        done = self._at(DONE, DONE_IN_SET)
        return Progress(done=done, failed=failed, not_begun=not_begun)


def _check_time(ends: float, others: Sequence[Message]) -> None:
    if others and monotonic() >= ends:
        raise NotBegunError(f"{len(others)} not begun")


def tie(
    received: Sequence[Message],
    *,
    in_flight: int,
    processes: int,
    largest: int = LARGEST,
) -> Iterator[Bundle]:
    """Tie *received* into bundles, for a worker with *in_flight* other messages."""
    share = min(largest, max(1, ceil((in_flight + len(received)) / processes)))
    first = [message for message in received if message.receive_count == 1]
    for start in range(0, len(first), share):
        yield Bundle.of(first[start : start + share])
    for message in received:
        if message.receive_count > 1:
            yield Bundle.of([message])
