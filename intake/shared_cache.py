"""Django's cache, as a memory that may fail: all its users work without it.

A circuit breaker stops calls to a shared cache that fails or is slow for PAUSE seconds.
Meanwhile this process uses its own memory, so limits become looser but stay on.
"""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

logger = logging.getLogger(__name__)
PAUSE = 10.0  # seconds
SLOWEST = 0.25  # seconds; a cache that takes longer costs more than it gives


class UnusableCacheError(Exception):
    """CACHE_URL names a cache that cannot be used: {reason}"""

    def __init__(self, reason: Exception) -> None:
        super().__init__((type(self).__doc__ or "").format(reason=reason))


class SilentCacheError(Exception):
    """The cache does not answer ({reason}); each process counts for itself until it does."""

    def __init__(self, reason: str) -> None:
        super().__init__((type(self).__doc__ or "").format(reason=reason))


def recall(key: str) -> Any:
    """The value under *key*, else None."""
    known = _shared.ask(lambda: cache.get(key))
    return _own.get(key) if known is None else known


def remember(key: str, value: Any, seconds: int) -> None:
    def store() -> bool:
        cache.set(key, value, seconds)
        return True

    if not _shared.ask(store):
        _own.set(key, value, seconds)


def claim(key: str, value: Any, seconds: int) -> bool:
    """Store *value* under *key*; False if there is a value already."""
    free: bool | None = _shared.ask(lambda: cache.add(key, value, seconds))
    return _own.add(key, value, seconds) if free is None else free


def drop(key: str) -> None:
    """Delete the value under *key*."""
    _shared.ask(lambda: cache.delete(key))
    _own.delete(key)


def count(key: str, seconds: int, by: int = 1) -> int:
    """Add *by* to the number under *key* and return it."""
    used: int | None = _shared.ask(lambda: _incremented(cache, key, seconds, by))
    return _incremented(_own, key, seconds, by) if used is None else used


def prove() -> None:
    """Ask the cache once. Raises UnusableCacheError, or SilentCacheError if that may pass."""
    try:
        cache.get("proof")
    except (ImportError, TypeError, ValueError, LookupError) as error:
        raise UnusableCacheError(error) from error
    except Exception as error:  # each backend has its own
        raise SilentCacheError(type(error).__name__) from error


def forget() -> None:
    """Reset this module to its state in a new process."""
    _shared.away_until = 0.0
    _own.clear()


def _incremented(memory: BaseCache, key: str, seconds: int, by: int) -> int:
    try:
        return memory.incr(key, by)
    except ValueError:  # the first of its window
        memory.add(key, 0, seconds)
        return memory.incr(key, by)


class _Shared:
    """The circuit breaker of the cache."""

    def __init__(self) -> None:
        self.away_until = 0.0

    def ask(self, question: Callable[[], Any]) -> Any:
        """The cache's answer, or None if there is none."""
        begun = monotonic()
        if begun < self.away_until:
            return None
        tries_for_all = self.away_until > 0
        if tries_for_all:
            self.away_until = begun + PAUSE  # the others wait on
        try:
            answer = question()
        except Exception as error:  # each backend has its own
            return self._leave(type(error).__name__)
        if monotonic() - begun > SLOWEST:
            self._leave("slow")
        elif tries_for_all:
            self.away_until = 0.0
        return answer

    def _leave(self, reason: str) -> None:
        self.away_until = monotonic() + PAUSE
        logger.warning("cache=failed reason=%s counting=per-process", reason)


_shared = _Shared()
_own = LocMemCache("of this process, beside a shared one", {"max_entries": 50_000})
