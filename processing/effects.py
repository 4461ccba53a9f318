"""What a handler gives back, and how it fails. Handlers run inside the claim's transaction."""

from dataclasses import dataclass, field

from processing.event_errors import PermanentError
from processing.events import Event


@dataclass(frozen=True, slots=True)
class Effect:
    """`made` is shown on the receipt (ids only); `follow_ups` are published afterwards."""

    made: dict[str, str] = field(default_factory=dict)
    follow_ups: tuple[Event, ...] = ()


class TransientError(Exception):
    """It may succeed later as it is; SQS delivers it again after a pause."""


class RefusedError(PermanentError):
    """A rule of the business refuses the event; its text says which."""
