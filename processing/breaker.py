"""Stop asking an SQS that does not answer, so that nobody waits for it in vain.

After FAILURES failed sends in a row none is tried for PAUSE seconds: the caller fails at
once and the spool takes the event. Then one caller tries for all.
"""

import threading
from time import monotonic

FAILURES = 3
PAUSE = 10.0  # seconds


class Breaker:
    """One for each process. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._opens_at = 0.0
        self.reason = ""
        """Why the last send failed."""

    def lets_through(self) -> bool:
        """Whether the caller may send; if so it must report `succeeded` or `failed`."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if monotonic() < self._opens_at:
                return False
            self._opens_at = (
                monotonic() + PAUSE
            )  # this caller tries, the others wait on
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self, reason: str) -> None:
        with self._lock:
            self._failures += 1
            self.reason = reason
            self._opens_at = monotonic() + PAUSE
