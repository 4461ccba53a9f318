"""The API keys that a web process knows, kept fresh beside its requests.

A request reads only this memory, so keys are checked even while the database is away or
hangs. A thread reads the valid keys every FRESH seconds, and keeps the former ones if it
cannot. So a new key is known, and a revoked one refused, within REVOKED_WITHIN seconds; the
expiry is checked at each use. The thread also records when keys were used.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from django.db import close_old_connections
from django.db.models import Q

from intake.models import ApiKey, digest_of
from processing.database import patience

logger = logging.getLogger(__name__)
FRESH = 5.0  # seconds
LONGEST = 2.0  # seconds that reading may take
REVOKED_WITHIN = 10  # seconds, as staff are told
PATIENCE = 3.0  # seconds from the start in which a request waits for the first look
NOTED_EVERY = 60.0  # seconds between two times of use that are noted of one key


class KeysUnknownError(Exception):
    """API keys cannot be checked just now, so nothing was stored. Send it again in a moment."""

    headers = {"Retry-After": "5"}  # noqa: RUF012 - never changed


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key, and the types that the key may send."""

    key: int
    producer: str
    scopes: frozenset[str]
    ends_at: float  # Unix time


class KnownKeys:
    """The known keys of one process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._callers: dict[str, Caller] | None = None
        self._noted: dict[int, float] = {}
        self._unwritten: dict[int, float] = {}
        self._began = time.monotonic()
        self._first_look = threading.Event()
        self._failed = ""

    def find(self, text: str) -> Caller | None:
        """The caller with the key *text*, if it is valid. Raises KeysUnknownError."""
        if self._callers is None:
            self._first_look.wait(max(0.0, self._began + PATIENCE - time.monotonic()))
        if self._callers is None:
            raise KeysUnknownError(KeysUnknownError.__doc__)
        caller = self._callers.get(digest_of(text))
        if caller is None or caller.ends_at <= time.time():
            return None
        if time.time() - self._noted.get(caller.key, 0.0) >= NOTED_EVERY:
            self._noted[caller.key] = self._unwritten[caller.key] = time.time()
        return caller

    def look(self) -> None:
        """Read the valid keys, and record when they were used.

        The next run retries failures.
        """
        try:
            with patience.within(LONGEST):
                self._callers = _valid()
                self._write_uses()
            failed = ""
        except Exception as error:  # any error of the database
            failed = type(error).__name__
        if failed != self._failed:
            level = logging.WARNING if failed else logging.INFO
            logger.log(level, "api_keys=%s", failed or "read")
        self._failed = failed
        self._first_look.set()

    def keep_fresh(self) -> None:
        while True:
            close_old_connections()
            self.look()
            time.sleep(FRESH)

    def _write_uses(self) -> None:
        for key, used in list(self._unwritten.items()):
            at = datetime.fromtimestamp(used, UTC)
            before = Q(last_used_at=None) | Q(last_used_at__lt=at)
            ApiKey.objects.filter(before, pk=key).update(last_used_at=at)
            del self._unwritten[key]


def _valid() -> dict[str, Caller]:
    return {
        key.digest: Caller(
            key.pk,
            key.producer,
            frozenset(key.scopes),
            key.expires_at.timestamp() if key.expires_at else inf,
        )
        for key in ApiKey.objects.valid()
    }


_known: KnownKeys | None = None
_lock = threading.Lock()


def of_this_process() -> KnownKeys:
    global _known
    with _lock:
        if _known is None or _known.pid != os.getpid():
            _known = KnownKeys()
            name = "api-keys"
            threading.Thread(target=_known.keep_fresh, name=name, daemon=True).start()
        return _known
