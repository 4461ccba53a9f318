"""Many threads, few calls: sends join each other.

The rule: a send that finds none under way goes at once. One that finds a send under way
stands in line, and the moment that one is answered the first in line sends for all (at
most ten, at most 1 MiB). Ten in line go at once, whatever is under way. Each caller gets
the result of its own message and not before SQS answered for it.

Where calls have just carried several, others are about to come: then whoever has the turn
gives them GATHER to fill the line as before. COMPANY_LASTS later nobody is expected any
more, and a lone send goes at once.

Nobody waits longer than BUDGET in all (a second more for a whole MiB), be it in line or
for a call, so a call gets no more time than its caller has left. Who has too little left
for a call passes the turn on. A thread that dies while others count on it costs them one
such wait and no more: their turn is a lease, not a flag.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

GATHER = 0.008  # seconds
COMPANY_LASTS = 0.05  # seconds after a call in which others are still expected
BUDGET = 1.5  # seconds
SHORTEST_CALL = 0.5  # seconds; a call that has less is not worth its while
LONGEST_CALL = 1.1  # seconds; above what a call may take, but for the very largest


class NotSentError(Exception):
    """The message was not sent in time; it may yet have been."""


@dataclass(eq=False, slots=True)
class _Place(Generic[Item, Result]):
    """One caller. `woken` gets one when its turn has come, and when it has its result."""

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
    """What one call sends. One that is the line's turn calls the next when it ends."""

    places: list[_Place[Item, Result]]
    is_turn: bool


class Publisher(Generic[Item, Result]):
    """The line of one queue in one process.

    *send* makes one call for up to *most* items of *room* bytes together, within so many
    seconds, and returns their results in order.
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
        self._line: deque[_Place[Item, Result]] = deque()
        self._turn_ends = 0.0  # until then somebody sends, and will call the next
        self._company = 1  # how many the calls of late carried
        self._company_ends = 0.0
        self._gathered = threading.Event()

    def put(self, item: Item, size: int) -> Result:
        """Send *item* of *size* bytes and return its result. Raises NotSentError."""
        ends = monotonic() + BUDGET + size / self._room
        place: _Place[Item, Result] = _Place(item, size, ends)
        call = self._enter(place)
        while not place.is_settled:
            if call is not None:
                self._make(call, place.seconds_left)
            call = None if place.is_settled else self._wait(place)
        if place.has_turn:  # another took it along while this thread was sending
            self._call_next()
        if place.result is None:
            raise NotSentError(NotSentError.__doc__)
        return place.result

    def _enter(self, place: _Place[Item, Result]) -> _Call[Item, Result] | None:
        """Stand in line; the call to make at once, if any."""
        with self._lock:
            self._line.append(place)
            nobody_sends = self._turn_ends < monotonic()
            if len(self._line) >= self._most:
                self._gathered.set()
                return self._take(is_turn=nobody_sends)
            if not nobody_sends:
                if len(self._line) >= self._company:
                    self._gathered.set()
                return None
            self._turn_ends = monotonic() + LONGEST_CALL
        return self._use_turn(place)

    def _use_turn(self, place: _Place[Item, Result]) -> _Call[Item, Result] | None:
        """The call to make for the line; None if another took *place* along meanwhile."""
        self._gather()
        with self._lock:
            if place in self._line:
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

    def _wait(self, place: _Place[Item, Result]) -> _Call[Item, Result] | None:
        """Wait for the result, or for the turn and the call to make."""
        place.sleep()
        with self._lock:
            has_turn, place.has_turn = place.has_turn, False
            in_line = place in self._line
            if place.seconds_left <= (SHORTEST_CALL if has_turn and in_line else 0):
                if in_line:
                    self._line.remove(place)
                place.is_settled = True
        return self._use_turn(place) if has_turn else None

    def _take(self, *, is_turn: bool) -> _Call[Item, Result]:
        """The first in line and what fits beside it. Call it with the lock held."""
        places = [self._line.popleft()]
        room = self._room - places[0].size
        while self._line and len(places) < self._most and self._line[0].size <= room:
            places.append(self._line.popleft())
            room -= places[-1].size
        self._company = max(len(places), self._company - 1)
        now = monotonic()
        self._company_ends = now + COMPANY_LASTS
        if is_turn:
            self._turn_ends = now + LONGEST_CALL
        return _Call(places, is_turn)

    def _make(self, call: _Call[Item, Result], within: float) -> None:
        results: Sequence[Result | None] = [None] * len(call.places)
        try:
            results = self._send([place.item for place in call.places], within)
        finally:  # even when this thread is being ended
            if call.is_turn:
                self._call_next()
            for place, result in zip(call.places, results, strict=True):
                place.result = result
                place.is_settled = True
                place.woken.put(None)

    def _call_next(self) -> None:
        with self._lock:
            self._turn_ends = 0.0
            if self._line:
                first = self._line[0]
                first.has_turn = True
                first.woken.put(None)
                self._turn_ends = monotonic() + LONGEST_CALL
