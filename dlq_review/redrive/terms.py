"""The terms of a redrive, and the reasons to refuse it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from dlq_review.errors import ReviewError
from dlq_review.models import DeadLetter
from processing.sqs.refusals import SendError


class ProcessedOtherwiseError(ReviewError):
    """This request id was processed with another body, so it cannot be used for this one."""


class DiscardedError(ReviewError):
    """The request was discarded, so a worker would do nothing. Restore it first."""


class NotSentError(ReviewError):
    """SQS did not take it. The dead letter is open again; try later."""

    def __init__(self, refused: SendError) -> None:
        self.for_good = refused.for_good
        self.reason = str(refused)
        super().__init__(f"{self.__doc__} ({refused})")


class LimitReachedError(ReviewError):
    """It was redriven too often already. Fix the cause, or redrive it anyway and say why."""

    def __init__(self, letter: DeadLetter) -> None:
        super().__init__(
            f"Redriven {letter.redrives} times already, and {settings.REDRIVE_LIMIT} is "
            "the limit. Fix the cause, or redrive it anyway and say why."
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """The person, the reason and the limits of a redrive."""

    by: str
    reason: str = ""
    override_limit: bool = False
    """Allow a redrive past REDRIVE_LIMIT; needs a reason."""
    to: str = ""
    """A queue that redrive/targets.py allows; empty for the event's own."""
    operation: int | None = None
    send_after: datetime | None = None
    """The end of the undo window (redrive/undo_window.py); None to send at once."""


@dataclass(frozen=True, slots=True)
class Redrive:
    """One letter to send, the revision that the person saw, and the result."""

    letter: DeadLetter
    revision: int
    error: ReviewError | None = None
