"""Errors as text for rows and logs, without personal data.

A database quotes values in its errors: PostgreSQL behind the first line, and for a refused
value in the first line too. Tracebacks hold the texts of all errors that led to one.
"""

import functools
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.utils import Error

from processing.tracing.context import Trace, correlation_id, current

_LED_TO = {
    True: "The above exception was the direct cause of the following exception:",
    False: "During handling of the above exception, another exception occurred:",
}


def text_of(error: BaseException) -> str:
    if not _is_of_database(error):
        return str(error)
    if any(kind.__name__ == "DataError" for kind in type(error).__mro__):
        return "The database refused a value."
    return str(error).partition("\n")[0]


def _is_of_database(error: BaseException) -> bool:
    driver: Any = connection
    try:
        return isinstance(error, (Error, driver.Database.Error))
    except (
        ImproperlyConfigured
    ):  # in the web server's parent, or for an error in the settings
        return False


def traceback_of(error: BaseException) -> str:
    """The traceback as Python prints it, with `text_of` for each error in it."""
    return "\n".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or error.__context__
    shown = error.__cause__ is not None or not error.__suppress_context__
    if before is not None and shown and id(before) not in seen:
        yield from _lines(before, seen)
        yield f"\n{_LED_TO[error.__cause__ is not None]}\n"
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    yield _last_line(error)


def _last_line(error: BaseException) -> str:
    if not _is_of_database(error):
        return "".join(traceback.format_exception_only(error)).rstrip("\n")
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}: {text_of(error)}"


# The framework logs the address of each request that it refuses.
_SECRET_ADDRESS = re.compile(r"(/verify/)[^/\s]+")


def without_secrets(text: str) -> str:
    """*text* without links that open an account."""
    return _SECRET_ADDRESS.sub(r"\1...", text) if "/verify/" in text else text


def correlation_of(record: logging.LogRecord) -> str:
    """The correlation id of the HTTP request that *record* is about, if it is about one."""
    request = getattr(record, "request", None)  # as Django logs a refused one
    return getattr(request, "correlation_id", "") or correlation_id.get()


def trace_of(record: logging.LogRecord) -> Trace | None:
    """The trace of what *record* is about."""
    return getattr(getattr(record, "request", None), "trace", None) or current()


class Formatter(logging.Formatter):
    """Adds the correlation id of an HTTP request, and the trace of a step that has one.

    Keeps links that open an account, and values in tracebacks, out of log lines.
    """

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line = super().formatMessage(record)
        found = correlation_of(record)
        # Read from the template: an address in a value may hold any text.
        if found and "correlation_id=" not in str(record.msg):
            line = f"{line} correlation_id={found}"
        return (
            f"{line} trace_id={trace.trace_id}" if (trace := trace_of(record)) else line
        )

    def formatTime(  # noqa: N802
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        return f"{_second(int(record.created))},{int(record.msecs):03d}"

    def formatException(  # noqa: N802 - the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        error = ei[1] or sys.exception()
        return traceback_of(error) if error is not None else ""


@functools.lru_cache(maxsize=2)  # most lines of a busy process fall into the same one
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
