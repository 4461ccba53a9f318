"""Which pages share the few threads that may wait for the database."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from intake.middleware import concurrency_limits
from intake.middleware.concurrency_limits import ConcurrencyLimitMiddleware

SENDERS = ["/api/requests/x", "/receipts/x/", "/verify/x/", "/demo/sent/x/"]
STAFF = ["/admin/", "/admin/login/"]
FREE = ["/", "/orders/new", "/api/orders", "/demo/", "/demo/order", "/healthz"]


def status_beside(inside: list[str], path: str) -> int:
    """The status of *path* while requests for each page of *inside* are not answered."""
    waiting = [*inside, path]

    def get_response(_: HttpRequest) -> HttpResponse:
        return ask() if waiting else HttpResponse()

    middleware = ConcurrencyLimitMiddleware(get_response)

    def ask() -> HttpResponse:
        return middleware(RequestFactory().get(waiting.pop(0)))

    return ask().status_code


@pytest.fixture(autouse=True)
def slow_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page has waited for the database for long when the next one is asked for."""
    moments = iter(range(0, 10_000, 10))
    monkeypatch.setattr(concurrency_limits, "monotonic", lambda: next(moments))


@pytest.mark.parametrize("path", [*SENDERS, *STAFF, *FREE])
def test_a_fourth_slow_page_of_staff_or_of_senders_is_sent_away(path: str) -> None:
    for pages in (SENDERS[:3], SENDERS[1:], [STAFF[0]] * 3):
        is_full = any(path in kind and pages[0] in kind for kind in (SENDERS, STAFF))
        assert status_beside(pages, path) == (503 if is_full else 200)
        assert status_beside(pages[:2], path) == 200
