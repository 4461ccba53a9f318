"""Questions to the triage desk from packages that may not import it.

The desk registers when Django starts, and answers from its own rows. Without a desk no
event is a redrive, and none waits there.
"""

from dataclasses import dataclass
from typing import Protocol

from processing.events.envelope import Event


@dataclass(frozen=True, slots=True)
class Review:
    """What the sender of a request that waits at the desk may know of it."""

    taken: bool = False
    """Somebody of staff has said that they work on it."""
    order: str = ""
    """The order that it is about."""
    has_address: bool = False
    """It holds an address of its own, to which its outcome can be mailed."""


class Desk(Protocol):
    def sent(self, redrive: str, event: Event, queue: str) -> bool:
        """Whether *event* is our redrive to *queue*, as the attribute *redrive* claims.

        Anybody who may send to a queue can write that attribute.
        """

    def has_waiting(self, type: str, reference: str) -> bool:
        """Whether an event of *type* about *reference* waits at the desk."""

    def review(self, request_id: str, piece: str) -> Review:
        """What the desk knows of the request whose fingerprint begins with *piece*."""


class _NoDesk:
    def sent(self, redrive: str, event: Event, queue: str) -> bool:
        return False

    def has_waiting(self, type: str, reference: str) -> bool:
        return False

    def review(self, request_id: str, piece: str) -> Review:
        return Review()


_desk: Desk = _NoDesk()


def is_at(desk: Desk) -> None:
    global _desk  # noqa: PLW0603 - set once, at start
    _desk = desk


def sent(redrive: str, event: Event, queue: str) -> bool:
    return bool(redrive) and _desk.sent(redrive, event, queue)


def has_waiting(type: str, reference: str) -> bool:
    return _desk.has_waiting(type, reference)


def review(request_id: str, piece: str) -> Review:
    return _desk.review(request_id, piece)
