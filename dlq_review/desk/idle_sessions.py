"""A staff session ends after SESSION_COOKIE_AGE, or STAFF_IDLE_SECONDS without a request.

Only requests of a person count: a page's own refresh keeps nobody logged in. Django alone
would prolong the session with each change that it stores.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

SEEN = "seen"
NOTED_EVERY = (
    20  # times within the limit; else each request would write to the database
)


class IdleMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        inside = request.path.startswith(reverse("admin:index"))
        if inside and request.user.is_authenticated:
            _look_at(request)
        return self.get_response(request)


def _look_at(request: HttpRequest) -> None:
    now, limit = int(time.time()), settings.STAFF_IDLE_SECONDS
    if SEEN not in request.session:
        request.session[SEEN] = now
        age = timedelta(seconds=settings.SESSION_COOKIE_AGE)
        request.session.set_expiry(timezone.now() + age)
    idle = now - request.session[SEEN]
    if limit and idle > limit:
        logout(request)
    elif limit and idle > limit / NOTED_EVERY and _is_a_step(request):
        request.session[SEEN] = now


def _is_a_step(request: HttpRequest) -> bool:
    """Whether a person made the request. Requests of a script have an empty destination."""
    return request.headers.get("Sec-Fetch-Dest") != "empty"
