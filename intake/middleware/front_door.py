"""Middleware for every request to the front door."""

import functools
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix, resolve, reverse
from django.views.decorators.csrf import requires_csrf_token

from intake import hosts, rate_limits
from intake.api import problems
from intake.keys import callers
from intake.rate_limits import RateLimitedError

CSRF_FIELD = "csrfmiddlewaretoken"
GetResponse = Callable[[HttpRequest], HttpResponse]


class ApiProblemMiddleware:
    """Answers every error under /api/ as a problem document."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not is_api(request) or response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        if response.headers.get("Content-Type") == problems.CONTENT_TYPE:
            return response
        status = HTTPStatus(response.status_code)
        sentence = _SENTENCES.get(status, status.phrase)
        replacement = problems.answer(problems.general(status, sentence))
        if allowed := response.headers.get("Allow"):
            with_head = allowed.replace("GET", "GET, HEAD")
            replacement.headers["Allow"] = with_head
        return replacement


_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "This is not a request we can read.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address; see /api/docs.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method; see Allow.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong with us. Send it again with the same Idempotency-Key: it is not taken twice.",
}


def is_api(request: HttpRequest) -> bool:
    return request.path_info == "/api" or request.path_info.startswith("/api/")


def path_of(name: str) -> str:
    """The path_info of a view; a site may stand below a prefix, which is part of `path`."""
    return "/" + reverse(name).removeprefix(get_script_prefix())


class ApiMiddleware:
    """Calls the view of an API request directly, without session, cookie or user.

    So a browser's cookies authenticate nobody here, and the API does not wait for the
    middleware behind this one.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return self.get_response(request)
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            # No redirect: many clients follow one with GET and without the body.
            return problems.answer(problems.general(HTTPStatus.FORBIDDEN, _USE_TLS))
        hosts.note(request)  # refuses a foreign host name before anything is stored
        if refusal := callers.refusal_of(request):
            return problems.refuse(request, refusal)
        match = request.resolver_match = _resolved(request.path_info)
        asked = request.method
        if asked == "HEAD":
            request.method = "GET"  # the server omits the content
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        request.method = asked
        response.headers["Content-Length"] = str(len(response.content))
        return response


_USE_TLS = "Use https. This request came unencrypted: nothing was stored, and others may have read what it held."

# Few addresses take requests that send something.
_resolved = functools.lru_cache(maxsize=64)(resolve)


class RateLimitMiddleware:
    """Limits requests by key or client address, and sign-ups separately.

    Staff and monitoring are not counted.
    """

    exempt = ("/admin/", "/static/", "/healthz", "/metrics")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(self.exempt):
            return self.get_response(request)
        if is_api(request):
            callers.identify(request)
        limit, client = rate_limits.counted_as(request)
        try:
            usage = rate_limits.spend(limit, client)
            if request.method == "POST" and request.path_info in _sign_up_paths():
                usage = rate_limits.spend(rate_limits.signups(), client)
        except RateLimitedError as error:
            return _refuse(request, error)
        response = self.get_response(request)
        for name, value in usage.headers.items():
            response.headers.setdefault(name, value)
        return response


@functools.cache
def _sign_up_paths() -> tuple[str, str]:
    return path_of("intake:signup"), path_of("api:sign_up")


def _refuse(request: HttpRequest, error: RateLimitedError) -> HttpResponse:
    if is_api(request):
        return problems.refuse(request, error)
    response = _ask_to_wait(request, error)
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


@requires_csrf_token  # set by a later middleware
def _ask_to_wait(request: HttpRequest, error: RateLimitedError) -> HttpResponse:
    sentence = str(error)
    if request.method != "POST":
        wait = f"Wait {error.usage.resets_in} seconds"
        sentence = f"Too much at once. {wait}, then load this page again."
    context = {"sentence": sentence, "kept": _kept(request)}
    return render(request, "429.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)


def _kept(request: HttpRequest) -> list[tuple[str, str]]:
    """The typed values, to show them again so that nothing is lost; never a password."""
    if request.method != "POST" or request.path_info not in _form_paths():
        return []
    lists = request.POST.lists()
    return [
        (name, value)
        for name, values in lists
        if name != CSRF_FIELD
        for value in values
    ]


@functools.cache
def _form_paths() -> tuple[str, ...]:
    return tuple(path_of(f"intake:{name}") for name in ("order", "change", "signup"))
