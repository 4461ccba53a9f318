"""A limit per client on tries of a password or a code, checked before the costly hash."""

import functools
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from intake import rate_limits
from intake.middleware.front_door import GetResponse, path_of
from intake.rate_limits import RateLimitedError

TRIED_AT = (
    "login",
    "password_change",
    "second_factor",
    "second_factor_enrol",
)


class LoginLimitMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or request.path_info not in _paths():
            return self.get_response(request)
        try:
            rate_limits.spend(rate_limits.logins(), rate_limits.client_of(request))
        except RateLimitedError as error:
            return _refuse(request, error)
        return self.get_response(request)


@functools.cache
def _paths() -> frozenset[str]:
    return frozenset(path_of(f"admin:{name}") for name in TRIED_AT)


def _refuse(request: HttpRequest, error: RateLimitedError) -> HttpResponse:
    """The response repeats no typed value, which may be a password."""
    sentence = (
        f"Too many tries from your address. Wait {error.usage.resets_in} seconds."
    )
    status = HTTPStatus.TOO_MANY_REQUESTS
    response = render(request, "429.html", {"sentence": sentence}, status=status)
    for name, value in error.headers.items():
        response.headers[name] = value
    return response
