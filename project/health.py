"""For load balancers and monitors: is the process up, and does what it needs answer."""

from collections.abc import Callable

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from processing.database.patience import within
from processing.sqs import queues

PATIENCE = 1.0  # seconds for the database


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """503 names what does not answer, and says nothing else about it."""
    answers = {"database": _answers(_ask_database), "sqs": _answers(queues.ping)}
    ready = all(answers.values())
    parts = {name: "ok" if good else "no answer" for name, good in answers.items()}
    return JsonResponse(
        {"status": "ok" if ready else "not ready", **parts},
        status=200 if ready else 503,
        headers={} if ready else {"Retry-After": "5"},
    )


def _answers(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except (Error, *queues.SQS_ERRORS):
        return False
    return True


def _ask_database() -> None:
    with within(PATIENCE), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
