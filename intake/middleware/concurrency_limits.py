"""Most threads of the web server stay free for accepting, however long the database takes.

Accepting needs no database. Requests that need one may use only a few threads of a process;
any more are refused at once, and told to come back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import Condition
from time import monotonic

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from intake.api import problems
from intake.api.problems import LaterError
from intake.middleware.front_door import is_api


class ConcurrencyLimit:
    def __init__(self, most: int, patience: float) -> None:
        """Allow *most* at once.

        Others wait while the oldest is younger than *patience* seconds.
        """
        self._most = most
        self._patience = patience
        self._inside: list[float] = []  # when each entered, the oldest first
        self._free = Condition()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Raises LaterError."""
        came = self._enter()
        try:
            yield
        finally:
            with self._free:
                self._inside.remove(came)
                self._free.notify()

    def _enter(self) -> float:
        with self._free:
            while len(self._inside) >= self._most:
                left = self._inside[0] + self._patience - monotonic()
                if left <= 0:
                    raise LaterError
                self._free.wait(left)
            came = monotonic()
            self._inside.append(came)
            return came


class ConcurrencyLimitMiddleware:
    """Limits concurrent requests for pages that need the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._of_senders = ConcurrencyLimit(most=3, patience=0.25)
        # A password takes a second of processor time, and staff are few.
        self._of_staff = ConcurrencyLimit(most=3, patience=1.0)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = self._before(request.path_info)
        if limit is None:
            return self.get_response(request)
        try:
            with limit.slot():
                return self.get_response(request)
        except LaterError:
            return ask_later(request)

    def _before(self, path: str) -> ConcurrencyLimit | None:
        if path.startswith("/admin/"):
            return self._of_staff
        return self._of_senders if path.startswith(_LOOKED_UP) else None


_LOOKED_UP = ("/api/requests/", "/receipts/", "/verify/", "/demo/sent/")


def ask_later(request: HttpRequest) -> HttpResponse:
    error = LaterError(LaterError.__doc__)
    if is_api(request):
        return problems.refuse(request, error)
    status = HTTPStatus.SERVICE_UNAVAILABLE
    response = render(request, "503.html", {"sentence": str(error)}, status=status)
    for name, value in error.headers.items():
        response.headers[name] = value
    return response
