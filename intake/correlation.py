"""One id from the HTTP request to the rows, the logs and the mail."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from processing.events import Event, is_request_id, new_id

# Not request.headers, which keeps what it read first.
_HEADER = "HTTP_X_REQUEST_ID"
_TRACEPARENT = re.compile(
    r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*"
)


def correlation_id(request: HttpRequest) -> str:
    """The sender's X-Request-ID, else the trace of its traceparent, else a new one."""
    given = request.META.get(_HEADER)
    if is_request_id(given):
        return str(given)
    trace = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    return trace[1] if trace else new_id()


def correlated(event: Event, request: HttpRequest) -> Event:
    return event.model_copy(update={"correlation_id": correlation_id(request)})


class CorrelationMiddleware:
    """Makes X-Request-ID certain on the way in, and names it on the way out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = request.META[_HEADER] = correlation_id(request)
        response = self.get_response(request)
        response.headers["X-Request-ID"] = found
        return response
