"""Circuit breakers: while SQS does not answer, callers fail at once instead of waiting.

After FAILURES failed sends in a row a breaker opens for PAUSE seconds: callers fail at
once, and the spool takes their events. Then one caller tries for all. A queue that refuses
a message counts for that queue only; an SQS that does not answer counts for all queues.
"""

import threading
from collections.abc import Iterable
from time import monotonic

FAILURES = 3
PAUSE = 10.0  # seconds
LAST_RESORT_PAUSE = 1.0  # second


class Breaker:
    """A circuit breaker. It is thread-safe, and takes no lock while sends succeed."""

    def __init__(self, failures: int = FAILURES, pause: float = PAUSE) -> None:
        self._lock = threading.Lock()
        self._most = failures
        self._pause = pause
        self._failures = 0
        self._opens_at = 0.0
        self.reason = ""
        """Why the last send failed."""

    @property
    def is_open(self) -> bool:
        return self._failures >= self._most

    def lets_through(self) -> bool:
        """Whether the caller may send. If so, it must report `succeeded` or `failed`."""
        if not self.is_open:
            return True
        with self._lock:
            if monotonic() < self._opens_at:
                return False
            self._opens_at = (
                monotonic() + self._pause
            )  # this caller tries, the others wait on
            return True

    def succeeded(self) -> None:
        if self._failures:
            with self._lock:
                self._failures = 0

    def failed(self, reason: str) -> None:
        with self._lock:
            self._failures += 1
            self.reason = reason
            self._opens_at = monotonic() + self._pause


class Breakers:
    """The circuit breakers of one process: one for SQS as a whole, and one for each queue.

    If the database does not take an event either, SQS is the last resort and is called
    although its breaker is open. While that fails too, it is called once each
    LAST_RESORT_PAUSE.
    """

    def __init__(self, queues: Iterable[str]) -> None:
        self.whole = Breaker()
        self._queues = {queue: Breaker() for queue in queues}
        self._last_resorts = {
            queue: Breaker(1, LAST_RESORT_PAUSE) for queue in self._queues
        }

    def shut_for(self, queue: str, *, last_resort: bool) -> Breaker | None:
        """The open breaker that keeps the caller from sending, if any."""
        if last_resort:
            ways = [self._last_resorts[queue]]
        else:
            ways = [self._queues[queue], self.whole]
        for way in ways:
            if not way.lets_through():
                return way
        return None

    def are_open(self, queue: str) -> bool:
        """Whether the next send to *queue* may be held back."""
        return self.whole.is_open or self._queues[queue].is_open

    def took(self, queue: str) -> None:
        """Note that the queue answered: it took a message, or refused one for good."""
        self.whole.succeeded()
        self._queues[queue].succeeded()
        self._last_resorts[queue].succeeded()

    def refused(self, queue: str, reason: str, *, last_resort: bool) -> None:
        self.whole.succeeded()
        self._failed(queue, self._queues[queue], reason, last_resort)

    def no_answer(self, queue: str, reason: str, *, last_resort: bool) -> None:
        self._failed(queue, self.whole, reason, last_resort)

    def _failed(
        self, queue: str, usual: Breaker, reason: str, last_resort: bool
    ) -> None:
        usual.failed(reason)
        if last_resort:
            self._last_resorts[queue].failed(reason)
