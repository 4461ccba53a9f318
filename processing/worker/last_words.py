"""The lines that Celery prints past logging when a signal stops it, as JSON when asked."""

import logging
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from celery.apps import worker
from django.conf import settings


def tell_in_json(**_: Any) -> None:
    """When a worker starts. A handler of a signal may not log: it could wait for itself."""
    if settings.LOG_FORMAT == "json":
        worker.safe_say = _say


def _say(text: str, f: TextIO | None = None) -> None:
    record = logging.LogRecord("celery", logging.WARNING, "", 0, text, None, None)
    console, file = logging.getLogger().handlers[0], f or sys.__stderr__
    if file is not None:
        with suppress(OSError):
            os.write(file.fileno(), f"{console.format(record)}\n".encode())
