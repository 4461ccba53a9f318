"""`/metrics` of the web server: on METRICS_PORT, or with METRICS_TOKEN.

The counts are those of all processes of this web server. The gauges are the last report of the
jobs' worker; if the database does not answer, they are left out.
"""

import secrets
from http import HTTPStatus

from django.conf import settings
from django.db import Error, connections
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dlq_review.monitoring import report
from intake.web import metrics_listener
from processing.database.patience import within
from processing.metrics import exposition
from processing.metrics.exposition import Family
from processing.metrics.server import MetricsServer

PATIENCE = 1.0  # seconds for the database


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


def serve_at_port() -> None:
    """Answer at METRICS_PORT, in a process of the web server.

    That is no page of the site, because a scraper knows neither our host names nor TLS.
    """
    if listener := metrics_listener.inherited():
        MetricsServer(listener, _text_of_a_thread).start()


def _text_of_a_thread(kind: str) -> str:
    try:
        return text_of_all(kind)
    finally:
        connections.close_all()


def text_of_all(kind: str) -> str:
    return exposition.text([*exposition.counted(), *_gauges()], kind)


def _gauges() -> list[Family]:
    try:
        with within(PATIENCE):
            return report.shown()
    except Error:
        return []
