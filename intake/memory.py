"""Django's cache, as a memory that may fail: whatever relies on it works without it."""

import logging
from typing import Any

from django.core.cache import cache

logger = logging.getLogger(__name__)


def recall(key: str) -> Any:
    """What was remembered under *key*, else None."""
    try:
        return cache.get(key)
    except Exception as error:  # each backend has its own
        return _forget(error)


def remember(key: str, value: Any, seconds: int) -> None:
    try:
        cache.set(key, value, seconds)
    except Exception as error:
        _forget(error)


def count(key: str, seconds: int, by: int = 1) -> int:
    """Add *by* to the number under *key* and return it; 0 where there is no memory."""
    try:
        return _incremented(key, seconds, by)
    except Exception as error:
        _forget(error)
        return 0


def _incremented(key: str, seconds: int, by: int) -> int:
    try:
        return cache.incr(key, by)
    except ValueError:  # the first of its window
        cache.add(key, 0, seconds)
        return cache.incr(key, by)


def _forget(error: Exception) -> None:
    logger.warning("cache=failed reason=%s", type(error).__name__)
