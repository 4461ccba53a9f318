"""The result of a handler, and its errors. Handlers run inside the claim's transaction."""

from dataclasses import dataclass, field
from typing import ClassVar

from processing.events.envelope import Event
from processing.events.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Effect:
    """`made` is shown on the receipt (ids only); `follow_ups` are published afterwards."""

    made: dict[str, str] = field(default_factory=dict)
    follow_ups: tuple[Event, ...] = ()


class TransientError(Exception):
    """It may succeed later as it is; SQS delivers it again after a pause."""


class SenderCanMendError(Exception):
    """What its sender can put right and staff cannot: a number that is mistyped.

    A sender who holds a receipt is told `told` there, in place of a dead letter.
    """

    told: ClassVar[str]


class RefusedError(PermanentError):
    """A rule of the business refuses the event; its text says which."""
