"""The WSGI handler of requests that send something to the API.

Django's handler does more for each request: it sends signals that look after the database
connections, sets the URL configuration of the thread and calls the middleware of pages.
Accepting needs none of that. This handler calls the same middleware for the API, in the
same order, and leaves every other request to Django's.

So no signal closes a database connection that is too old; the spool
(processing/delivery/spool.py) does so before it takes an event.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest, get_script_name
from django.http import HttpRequest, HttpResponse
from django.urls import set_script_prefix
from django.utils.log import log_response
from django.utils.module_loading import import_string

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
SENDING = ("/api/orders", "/api/signups", "/api/batches")
LAST = "intake.middleware.front_door.ApiMiddleware"
#: Middleware in front of LAST that lets such a request pass as it is.
_NOT_CONCERNED = {
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "intake.middleware.concurrency_limits.ConcurrencyLimitMiddleware",
}


class ApiHandler:
    def __init__(self, django: Application) -> None:
        self._django = django
        self._answer = _middleware_chain()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(SENDING) or get_script_name(environ):
            return self._django(environ, start_response)
        set_script_prefix("/")  # an earlier request of this thread may have had another
        request = WSGIRequest(environ)
        response = self._answer(request)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            _log(request, response)
        status = f"{response.status_code} {response.reason_phrase}"
        start_response(status, list(response.items()))
        return [response.content]


def _middleware_chain() -> Callable[[HttpRequest], HttpResponse]:
    """What Django makes of the same middleware: each layer converts its exceptions."""
    names = settings.MIDDLEWARE[: settings.MIDDLEWARE.index(LAST) + 1]
    chain: Any = None
    for name in reversed(names):
        if name not in _NOT_CONCERNED:
            chain = convert_exception_to_response(import_string(name)(chain))
    return chain  # type: ignore[no-any-return]


def _log(request: HttpRequest, response: HttpResponse) -> None:
    """As Django's handler does it; a response that was logged already is not again."""
    named = (response.reason_phrase, request.path)
    log_response("%s: %s", *named, response=response, request=request)
