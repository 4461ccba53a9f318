"""Record each failed delivery, so that staff can see why it failed.

Best effort, in a transaction of its own: the failure may be the database itself, and the
message stays on SQS either way.
"""

import logging
import traceback
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from django.conf import settings
from django.utils import timezone

from processing.delivery.error_texts import text_of, traceback_of
from processing.events.envelope import Identity
from processing.handlers.effect import HandlerError
from processing.handlers.registry import HANDLERS
from processing.models import Attempt
from processing.sqs.message import Message

logger = logging.getLogger(__name__)

LONGEST_TEXT = 2_000  # characters
LONGEST_TRACEBACK = 20_000


@dataclass(frozen=True, slots=True)
class Stopwatch:
    started_at: datetime = field(default_factory=timezone.now)
    _start: float = field(default_factory=monotonic)

    @property
    def milliseconds(self) -> int:
        return int((monotonic() - self._start) * 1000)


def record(
    message: Message,
    identity: Identity,
    error: Exception,
    watch: Stopwatch,
    *,
    permanent: bool,
) -> None:
    """Store one failed attempt. Never raises: an error on the way is logged."""
    try:
        Attempt.objects.create(
            **_delivery_fields(message, identity),
            **_error_fields(error),
            permanent=permanent,
            started_at=watch.started_at,
            duration_ms=watch.milliseconds,
            worker=settings.WORKER_NAME,
            release=settings.RELEASE,
        )
    except Exception as away:  # of any kind: the failure itself matters more
        logger.warning(
            "request_id=%s attempt_not_recorded=%s",
            identity.request_id,
            type(away).__name__,
        )


def _delivery_fields(message: Message, identity: Identity) -> dict[str, Any]:
    return {
        "request_id": identity.request_id,
        "queue": message.queue,
        "message_id": message.id,
        "receive_count": message.receive_count,
        "type": identity.type[:100],
    }


def _error_fields(error: Exception) -> dict[str, Any]:
    return {
        "error_type": type(error).__name__,
        "error_text": storable(text_of(error))[:LONGEST_TEXT],
        "error_field": field_of(error)[:200],
        "traceback": storable(traceback_of(error))[-LONGEST_TRACEBACK:],
        "place": place_of(error)[:200],
    }


def field_of(error: Exception) -> str:
    """The field that *error* names, if a handler raised it."""
    return error.field if isinstance(error, HandlerError) else ""


def storable(text: str) -> str:
    """*text* without NUL and lone surrogates, which no database column can hold."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def place_of(error: BaseException) -> str:
    """Where our code raised *error*, such as `processing/handlers/orders.py:create_order`.

    If a handler was called, this is the handler. So moving its code into a helper changes
    neither the place nor the failure group. Otherwise it is the innermost public function.
    """
    innermost = public = ""
    handlers = {getattr(one, "__code__", None) for one in HANDLERS.values()}
    for frame, _ in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(settings.BASE_DIR) or ".venv" in path.parts:
            continue
        innermost = f"{path.relative_to(settings.BASE_DIR)}:{frame.f_code.co_name}"
        if frame.f_code in handlers:
            return innermost
        if frame.f_code.co_name[0] not in "_<":  # `<lambda>`, `<listcomp>`
            public = innermost
    return public or innermost
