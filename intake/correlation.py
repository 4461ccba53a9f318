"""One id from the HTTP request to the rows, the logs and the mail; and its trace."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from processing.events.envelope import Event, is_request_id, new_id
from processing.tracing import context
from processing.tracing.context import Trace, within

_HEADER = "HTTP_X_REQUEST_ID"


def correlation_id(request: HttpRequest) -> str:
    """The correlation id from CorrelationMiddleware."""
    return str(request.META[_HEADER])


def correlated(event: Event, request: HttpRequest) -> Event:
    return event.model_copy(update={"correlation_id": correlation_id(request)})


class CorrelationMiddleware:
    """Sets X-Request-ID on each request and response.

    The value is the sender's, else the trace id of its traceparent, else a new one. It and the
    trace are on each log line while the request is answered. Django logs a refusal later, with
    the request, which has both as attributes.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        trace = _trace(request.META)
        found = request.META[_HEADER] = _given(request.META, trace) or new_id()
        request.correlation_id = found  # type: ignore[attr-defined]
        request.trace = trace  # type: ignore[attr-defined]
        before = context.correlation_id.set(found)
        try:
            with within(trace):
                response = self.get_response(request)
        finally:  # the thread answers other requests
            context.correlation_id.reset(before)
        response.headers["X-Request-ID"] = found
        return response


def _trace(meta: dict[str, Any]) -> Trace | None:
    """The sender's trace. Whether it is sampled may not be for the sender to say."""
    parent = meta.get("HTTP_TRACEPARENT", "")
    trace = Trace.read(parent, meta.get("HTTP_TRACESTATE", "")) if parent else None
    if trace is None or settings.TRACE_SAMPLED_BY_CLIENTS:
        return trace
    return trace.sampled_if(_is_chosen(trace.trace_id))


def _is_chosen(trace_id: str) -> bool:
    """Whether a trace is one of those that are sampled.

    All requests of a trace have the same answer, and nobody outside can foresee it.
    """
    key = settings.SECRET_KEY.encode()[:64]
    drawn = hashlib.blake2b(trace_id.encode(), key=key, digest_size=8).digest()
    return bool(int.from_bytes(drawn) < settings.TRACE_SAMPLE_RATE * 2**64)


def _given(meta: dict[str, Any], trace: Trace | None) -> str | None:
    given = meta.get(_HEADER)  # most bring none, and checking that costs an exception
    if given is not None and is_request_id(given):
        return str(given)
    return trace.trace_id if trace else None
