"""Refuse values that no column can hold at the edge of the admin, before any query."""

from collections.abc import Callable
from http import HTTPStatus

from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

MOST_WORDS = 200  # of a search
GetResponse = Callable[[HttpRequest], HttpResponse]


class UnfitValueMiddleware:
    """Answers 400 to an address or a form with a value that the database cannot take.

    PostgreSQL has no NUL in a text, the stock lists compare whatever a query names, and
    SQLite cannot read a condition of a thousand words.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/admin/") and _is_unfit(request):
            return _refuse(request)
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        unfit = isinstance(error, DataError) and request.path_info.startswith("/admin/")
        return _refuse(request) if unfit else None


def _is_unfit(request: HttpRequest) -> bool:
    words = max((len(text.split()) for text in request.GET.getlist("q")), default=0)
    if "\0" in request.path or words > MOST_WORDS:
        return True
    return any(
        "\0" in name or any("\0" in value for value in values)
        for sent in (request.GET, request.POST)
        for name, values in sent.lists()
    )


def _refuse(request: HttpRequest) -> HttpResponse:
    return render(request, "400.html", status=HTTPStatus.BAD_REQUEST)
