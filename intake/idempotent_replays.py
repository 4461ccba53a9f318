"""Accepted requests in the cache, so that a retry gets the same answer.

Without a shared cache a process knows only its own requests, and the worker is the
backstop: it processes a request id once, and dead-letters another body under the same id.
"""

from datetime import datetime

from intake import shared_cache
from processing.events.envelope import Event

REMEMBERED = 24 * 3600  # seconds


class KeyReusedError(ValueError):
    """This Idempotency-Key was used for another request. Send this one with a key of its own."""


def first_accepted_at(event: Event) -> datetime | None:
    """When *event* was accepted before, if it was. Raises KeyReusedError."""
    known = shared_cache.recall(f"accepted/{event.id}")
    if known is None:
        return None
    fingerprint, accepted_at = known
    if fingerprint != event.fingerprint:
        raise KeyReusedError(KeyReusedError.__doc__)
    return datetime.fromisoformat(accepted_at)


def remember(event: Event) -> None:
    known = (event.fingerprint, event.timestamp.isoformat())
    shared_cache.remember(f"accepted/{event.id}", known, REMEMBERED)
