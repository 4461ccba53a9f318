"""Join the sends of many threads into few calls to SQS.

Each thread that sends is one caller. The callers of one queue stand in a line. The line has
one turn: the caller who has the turn sends for the first in line, for at most ten callers
and at most 1 MiB. When its call ends, it gives the turn to the first in line.

The states of a caller, and who moves it:

| state | how it is seen | who moves it, and to which state |
| --- | --- | --- |
| in line | `caller in _line` | itself, to *sending*: nobody has the turn, or it is the tenth in line |
|  |  | another caller, to *taken along*: `_take` puts it into that caller's call |
|  |  | another caller, to *called*: `_call_next` gives it the turn |
|  |  | itself, to *settled*: its time is over |
| called | `has_turn` | itself, to *sending*, in `_wait`; or to *settled*, with the turn passed on |
| sending | it runs `_make` | itself, to *settled*, with the results for all callers of its call |
| taken along | not in line, not settled | the sending caller, to *settled*; or itself, when its time is over |
| settled | `is_settled` | nobody. `result` is None if it was not sent in time |

A tenth caller sends for the first in line. If their messages fill the call, it stays in line
itself. Only the thread that holds `_lock` changes the line, the turn and `has_turn`.

How long it takes:
* While nobody has the turn, a caller sends at once. Ten in line send at once in any case.
* If the last calls carried several callers, more are expected. The caller with the turn then
  waits up to GATHER for the line to fill. COMPANY_LASTS after such a call nobody is expected
  any more.
* A caller waits for BUDGET in all (a second more for a whole MiB), in line and for the call
  together. A call gets the time that its caller has left. A caller with less than
  SHORTEST_CALL left passes the turn on.
* The turn is a lease that ends after LONGEST_CALL. If the thread that has it dies, the line
  waits that long once.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

from processing.sqs import meanwhile

Item = TypeVar("Item")
Result = TypeVar("Result")

GATHER = 0.008  # seconds
COMPANY_LASTS = 0.05  # seconds after a call in which others are still expected
BUDGET = 1.5  # seconds
SHORTEST_CALL = 0.5  # seconds; a call that has less is not worth its while
LONGEST_CALL = 1.1  # seconds; above what a call may take, but for the very largest


class OutOfTimeError(Exception):
    """The message was not sent in time; it may yet have been."""


@dataclass(eq=False, slots=True)
class _Caller(Generic[Item, Result]):
    """One caller. `woken` gets an item when the caller has the turn, and when it has its result."""

    item: Item
    size: int
    ends: float
    woken: SimpleQueue[None] = field(default_factory=SimpleQueue)
    has_turn: bool = False
    is_settled: bool = False
    result: Result | None = None

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.ends - monotonic())

    def sleep(self) -> None:
        with contextlib.suppress(Empty):
            self.woken.get(timeout=self.seconds_left)


@dataclass(frozen=True, slots=True)
class _Call(Generic[Item, Result]):
    """The callers that one call sends for. Where `is_turn`, its end passes the turn on."""

    callers: list[_Caller[Item, Result]]
    is_turn: bool


class SendBatcher(Generic[Item, Result]):
    """The line of one queue in one process.

    *send* makes one call. It takes up to *most* items of *room* bytes together and the
    seconds that the call may take, and returns the results in the order of the items.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Item], float], Sequence[Result]],
        *,
        most: int,
        room: int,
    ) -> None:
        self._send = send
        self._most = most
        self._room = room
        self._lock = threading.Lock()
        self._line: deque[_Caller[Item, Result]] = deque()
        self._turn_ends = 0.0  # until then somebody has the turn
        self._company = 1  # callers that the last calls carried
        self._company_ends = 0.0
        self._gathered = threading.Event()

    def put(self, item: Item, size: int) -> Result:
        """Send *item* of *size* bytes and return its result. Raises OutOfTimeError."""
        ends = monotonic() + BUDGET + size / self._room
        caller: _Caller[Item, Result] = _Caller(item, size, ends)
        call = self._enter(caller)
        while not caller.is_settled:
            if call is not None:
                self._make(call, caller)
            call = None if caller.is_settled else self._wait(caller)
        if (
            caller.has_turn
        ):  # it got the turn while it was sending, and needs it no more
            self._call_next()
        if caller.result is None:
            raise OutOfTimeError(OutOfTimeError.__doc__)
        return caller.result

    def _enter(self, caller: _Caller[Item, Result]) -> _Call[Item, Result] | None:
        """Put *caller* in line; return the call that it is to make at once, if any."""
        with self._lock:
            self._line.append(caller)
            nobody_sends = self._turn_ends < monotonic()
            if len(self._line) >= self._most:
                self._gathered.set()
                return self._take(is_turn=nobody_sends)
            if not nobody_sends:
                if len(self._line) >= self._company:
                    self._gathered.set()
                return None
            self._turn_ends = monotonic() + LONGEST_CALL
        return self._use_turn(caller)

    def _use_turn(self, caller: _Caller[Item, Result]) -> _Call[Item, Result] | None:
        """The call to make for the line; None if another took *caller* along in the meantime."""
        self._gather()
        with self._lock:
            if caller in self._line:
                return self._take(is_turn=True)
        self._call_next()
        return None

    def _gather(self) -> None:
        with self._lock:
            if self._company_ends < monotonic():
                self._company = 1
            if len(self._line) >= self._company:
                return
            self._gathered.clear()
        self._gathered.wait(GATHER)

    def _wait(self, caller: _Caller[Item, Result]) -> _Call[Item, Result] | None:
        """Wait for the result, or for the turn; return the call that the turn is for."""
        caller.sleep()
        with self._lock:
            has_turn, caller.has_turn = caller.has_turn, False
            in_line = caller in self._line
            if caller.seconds_left <= (SHORTEST_CALL if has_turn and in_line else 0):
                if in_line:
                    self._line.remove(caller)
                caller.is_settled = True
        return self._use_turn(caller) if has_turn else None

    def _take(self, *, is_turn: bool) -> _Call[Item, Result]:
        """Take the first in line, and those behind it that fit into the call. Needs the lock."""
        callers = [self._line.popleft()]
        room = self._room - callers[0].size
        while self._line and len(callers) < self._most and self._line[0].size <= room:
            callers.append(self._line.popleft())
            room -= callers[-1].size
        self._company = max(len(callers), self._company - 1)
        now = monotonic()
        self._company_ends = now + COMPANY_LASTS
        if is_turn:
            self._turn_ends = now + LONGEST_CALL
        return _Call(callers, is_turn)

    def _make(self, call: _Call[Item, Result], sender: _Caller[Item, Result]) -> None:
        results: Sequence[Result | None] = [None] * len(call.callers)
        is_alone = call.callers == [sender]
        try:
            with contextlib.nullcontext() if is_alone else meanwhile.for_others():
                results = self._send(
                    [caller.item for caller in call.callers], sender.seconds_left
                )
        finally:  # also when this thread is killed: others wait for it
            if call.is_turn:
                self._call_next()
            for caller, result in zip(call.callers, results, strict=True):
                caller.result = result
                caller.is_settled = True
                caller.woken.put(None)

    def _call_next(self) -> None:
        with self._lock:
            self._turn_ends = 0.0
            if self._line:
                first = self._line[0]
                first.has_turn = True
                first.woken.put(None)
                self._turn_ends = monotonic() + LONGEST_CALL
