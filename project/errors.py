"""The answer to an error that no view has met."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views import defaults

from intake.middleware.concurrency_limits import ask_later


def server_error(request: HttpRequest) -> HttpResponse:
    """A database that is away or hangs is no fault of the page, and that passes."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return ask_later(request)
    return defaults.server_error(request)
