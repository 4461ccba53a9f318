"""`/metrics` of the web server: on METRICS_PORT, or with METRICS_TOKEN.

The counts are those of all processes of this gunicorn. The gauges are the last report of the
jobs' worker; if the database does not answer, they are left out.
"""

import secrets
import socket
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import Error, close_old_connections
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dlq_review.monitoring import report
from processing.database.patience import within
from processing.metrics import exposition
from processing.metrics.exposition import Family

PATIENCE = 1.0  # seconds for the database
PATH = "/metrics"
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For who has the token. Without METRICS_TOKEN there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    shown = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    if not secrets.compare_digest(shown.encode(), wanted.encode()):
        return HttpResponse(
            "Send the header: Authorization: Bearer METRICS_TOKEN\n",
            status=HTTPStatus.UNAUTHORIZED,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    kind = exposition.content_type(request.headers.get("Accept", ""))
    return HttpResponse(text_of_all(kind), content_type=kind)


class MetricsPort:
    """Answers what comes in on METRICS_PORT, and leaves everything else to *site*.

    No middleware, because a scraper knows neither our host names nor TLS.
    """

    def __init__(self, site: Application) -> None:
        self._site = site
        self._port = str(settings.METRICS_PORT)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("SERVER_PORT") != self._port or _is_unix(environ):
            return self._site(environ, start_response)
        if environ["REQUEST_METHOD"] != "GET" or environ["PATH_INFO"] != PATH:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Only GET /metrics is here.\n"]
        kind = exposition.content_type(environ.get("HTTP_ACCEPT", ""))
        close_old_connections()  # as Django does it before and after a request
        body = text_of_all(kind).encode()
        close_old_connections()
        length = ("Content-Length", str(len(body)))
        start_response("200 OK", [("Content-Type", kind), length])
        return [body]


def _is_unix(environ: dict[str, Any]) -> bool:
    """Whether a request came by a Unix socket: its port is what the client's Host says."""
    used = environ.get("gunicorn.socket")
    return bool(used and used.family == socket.AF_UNIX)


def with_metrics_port(site: Application) -> Application:
    """*site* itself where METRICS_PORT is not set."""
    return MetricsPort(site) if settings.METRICS_PORT else site


def text_of_all(kind: str) -> str:
    return exposition.text([*exposition.counted(), *_gauges()], kind)


def _gauges() -> list[Family]:
    try:
        with within(PATIENCE):
            return report.shown()
    except Error:
        return []
