"""Known requests: what the cache remembers of accepted ones, to answer a retry alike.

Without a shared cache a process knows only its own, and the worker is the backstop: it
takes the same request id once, and makes a dead letter of another body under it.
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
