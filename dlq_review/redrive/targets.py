"""Where a redrive may send an event: to its own queue, or where REDRIVE_TARGETS allows.

A worker handles an event by its type, whichever queue brings it. An event that fails there
ends in that queue's DLQ, and joins the dead letter that it was redriven from.
"""

from django.conf import settings

from dlq_review.errors import ReviewError
from processing.events.contracts import CONTRACTS


class NotAllowedThereError(ReviewError):
    """REDRIVE_TARGETS does not allow that redrive."""

    def __init__(self, own: str, to: str) -> None:
        super().__init__(
            f"An event of {own} may not be redriven to {to}; REDRIVE_TARGETS says where to."
        )


def allowed() -> dict[str, list[str]]:
    """The other queues that events of each queue may be redriven to."""
    found: dict[str, list[str]] = {}
    for pair in settings.REDRIVE_TARGETS:
        own, _, to = pair.partition(":")
        found.setdefault(own, []).append(to)
    return found


def anywhere() -> list[str]:
    """Each queue that some event may be redriven to, in place of its own."""
    return sorted({to for targets in allowed().values() for to in targets})


def of_type(type: str) -> list[str]:
    """The other queues that events of *type* may be redriven to."""
    contract = CONTRACTS.get(type)
    return allowed().get(contract.queue, []) if contract else []


def types_allowed(to: str) -> list[str]:
    """The event types that may be redriven to the queue *to*."""
    return [
        name
        for name, contract in CONTRACTS.items()
        if contract.queue == to or to in of_type(name)
    ]


def check(own: str, to: str) -> None:
    """*to* is empty for the event's own queue. Raises NotAllowedThereError."""
    if to not in ("", own, *allowed().get(own, [])):
        raise NotAllowedThereError(own, to)
