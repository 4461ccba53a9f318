"""The answer to an error that no view has met."""

import sys

from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views import defaults
from psycopg.errors import ReadOnlySqlTransaction

from intake.middleware.concurrency_limits import ask_later


def server_error(request: HttpRequest) -> HttpResponse:
    """A database that is away, hangs or is read-only is no fault of the page, and that passes."""
    error = sys.exception()
    if isinstance(error, OperationalError | InterfaceError) or _is_read_only(error):
        return ask_later(request)
    return defaults.server_error(request)


def _is_read_only(error: BaseException | None) -> bool:
    """Whether the database is being moved, or a standby answers in its place."""
    cause = error.__cause__ if isinstance(error, InternalError) else None
    return isinstance(cause, ReadOnlySqlTransaction)
