"""One id from the HTTP request to the rows, the logs and the mail."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from processing.events.envelope import Event, is_request_id, new_id

_HEADER = "HTTP_X_REQUEST_ID"
_TRACEPARENT = re.compile(
    r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*"
)


def correlation_id(request: HttpRequest) -> str:
    """The correlation id from CorrelationMiddleware."""
    return str(request.META[_HEADER])


def correlated(event: Event, request: HttpRequest) -> Event:
    return event.model_copy(update={"correlation_id": correlation_id(request)})


class CorrelationMiddleware:
    """Sets X-Request-ID on each request and response.

    The value is the sender's, else the trace id of its traceparent, else a new one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = request.META[_HEADER] = _given(request.META) or new_id()
        response = self.get_response(request)
        response.headers["X-Request-ID"] = found
        return response


def _given(meta: dict[str, Any]) -> str | None:
    if is_request_id(meta.get(_HEADER)):
        return str(meta[_HEADER])
    trace = _TRACEPARENT.fullmatch(meta.get("HTTP_TRACEPARENT", ""))
    return trace[1] if trace else None
