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


class HandlerError(Exception):
    """A handler refuses the event, and may name the field that is to blame."""

    def __init__(self, text: str | None, *, field: str = "") -> None:
        """*field* is its path inside the data, such as `order_id` or `skus.1`."""
        super().__init__(text)
        self.field = f"data.{field}" if field else ""


class TransientError(HandlerError):
    """It may succeed later as it is; SQS delivers it again after a pause."""


class SenderCanMendError(Exception):
    """A mistake that the sender can correct and staff cannot, such as a mistyped number.

    If the sender holds a receipt, it shows `message_for_sender`, and there is no dead letter.
    """

    message_for_sender: ClassVar[str]


class BusinessRuleError(HandlerError, PermanentError):
    """A rule of the business refuses the event; its text says which."""
