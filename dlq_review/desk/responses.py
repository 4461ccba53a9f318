"""Helpers of the desk's views: the permission check, and a page in the admin's frame."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dlq_review.permissions import may, may_operate

View = Callable[..., HttpResponse]


def needs(name: str) -> Callable[[View], View]:
    """Answer 403 if the user lacks the permission for *name*, before the row is looked up."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **rest: Any) -> HttpResponse:
            check_may(request, name)
            return view(request, *args, **rest)

        return checked

    return decorate


def check_may(request: HttpRequest, name: str) -> None:
    """Like `needs`, if the permission depends on the form. Raises PermissionDenied."""
    if not may(request.user, name):
        raise PermissionDenied


def check_may_operate(request: HttpRequest, kind: str) -> None:
    """Like `needs`, for operations of *kind*. Raises PermissionDenied."""
    if not may_operate(request.user, kind):
        raise PermissionDenied


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """Render *template* with *context*, inside the header and the navigation of the admin."""
    shared = admin.site.each_context(request)
    return render(request, template, {**shared, **context}, status=status)
