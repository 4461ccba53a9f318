"""Settings of the triage desk that cannot be meant."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

LONGEST_UNDO = 60  # seconds; a longer wait looks like a redrive that does nothing


def redrive_settings(**_: Any) -> Iterable[CheckMessage]:
    if not 0 <= settings.REDRIVE_UNDO_SECONDS <= LONGEST_UNDO:
        yield Error(
            f"REDRIVE_UNDO_SECONDS is {settings.REDRIVE_UNDO_SECONDS}.",
            hint=f"Set it to 0, to send at once, or to at most {LONGEST_UNDO}.",
            id="dlq_review.E001",
        )
