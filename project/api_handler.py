"""The WSGI handler of requests that send something to the API.

Django's handler does more for each request: it sends signals that look after the database
connections, sets the URL configuration and the script prefix of the thread and calls the
middleware of pages. Accepting needs none of that. This handler calls the same middleware
for the API, in the same order, and leaves every other request to Django's. The middleware
in _SAME_FOR_ALL is asked for its headers once, and not for each request.

So no signal closes a database connection that is too old; the spool
(processing/delivery/spool.py) does so before it takes an event.
"""

from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest, get_script_name
from django.http import HttpRequest, HttpResponse
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
#: Middleware whose headers depend on nothing but whether a request came over TLS.
_SAME_FOR_ALL = {
    "project.headers.PolicyHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
}


class ApiHandler:
    def __init__(self, django: Application) -> None:
        self._django = django
        names = settings.MIDDLEWARE[: settings.MIDDLEWARE.index(LAST) + 1]
        concerned = [name for name in names if name not in _NOT_CONCERNED]
        own = [name for name in concerned if name not in _SAME_FOR_ALL]
        self._answer = _chain(own, None)
        self._bare = _chain([one for one in concerned if one not in own], _bare)
        self._policies: dict[bool, dict[str, tuple[str, str]]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(SENDING) or get_script_name(environ):
            return self._django(environ, start_response)
        request = WSGIRequest(environ)
        response = self._answer(request)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            _log(request, response)
        headers = list(response.items())
        own = {name.lower() for name, _ in headers}
        policies = self._policies_for(request)
        headers += [policy for name, policy in policies.items() if name not in own]
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        return [response.content]

    def _policies_for(self, request: HttpRequest) -> dict[str, tuple[str, str]]:
        """The headers of the policies, by their names in small letters."""
        secure = request.is_secure()
        if secure not in self._policies:
            self._policies[secure] = {
                policy[0].lower(): policy for policy in self._bare(request).items()
            }
        return self._policies[secure]


def _chain(names: Sequence[str], view: Any) -> Callable[[HttpRequest], HttpResponse]:
    """What Django makes of the same middleware: each layer converts its exceptions."""
    chain = view
    for name in reversed(names):
        chain = convert_exception_to_response(import_string(name)(chain))
    return chain  # type: ignore[no-any-return]


def _bare(_: HttpRequest) -> HttpResponse:
    response = HttpResponse()
    del response.headers["Content-Type"]
    return response


def _log(request: HttpRequest, response: HttpResponse) -> None:
    """As Django's handler does it; a response that was logged already is not again."""
    named = (response.reason_phrase, request.path)
    log_response("%s: %s", *named, response=response, request=request)
