"""The pages of the second factor. All staff may open them; the other pages need a code."""

import functools
from collections.abc import Callable
from typing import Any

import segno
from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django_otp import login as note_device

from dlq_review.desk.responses import page
from processing.models import User
from processing.staff import second_factor

View = Callable[[HttpRequest], HttpResponse]
KEY = "second_factor_key"  # of an app that is being set up, in the session


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=40,
        label="Code",
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )


def for_staff(view: View) -> View:
    """Only after the password, and only where a second factor is offered."""

    @functools.wraps(view)
    @never_cache
    @sensitive_post_parameters()
    def guarded(request: HttpRequest) -> HttpResponse:
        if not second_factor.is_offered():
            raise Http404
        if not (request.user.is_active and request.user.is_staff):
            return go_to("admin:login", request)
        return view(request)

    return guarded


@for_staff
def show(request: HttpRequest) -> HttpResponse:
    """Ask for a code. After a right code, offer new recovery codes and another app."""
    if not second_factor.is_enrolled(request.user):
        return go_to("admin:second_factor_enrol", request)
    if second_factor.is_verified(request.user):
        return _page(request, "manage")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            device = second_factor.verify(_person(request), form.cleaned_data["code"])
        except (second_factor.WrongCodeError, second_factor.TooSoonError) as error:
            form.add_error("code", str(error))
        else:
            _let_in(request, device)
            return redirect(_next(request) or reverse("admin:index"))
    return _page(request, "verify", form=form)


@for_staff
def enrol(request: HttpRequest) -> HttpResponse:
    """Show the key of a new app until a code proves that the app has it."""
    person, verified = _person(request), second_factor.is_verified(request.user)
    if second_factor.is_enrolled(person) and not verified:
        return go_to("admin:second_factor", request)
    key = request.session.setdefault(KEY, second_factor.new_key())
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            code = form.cleaned_data["code"]
            device = second_factor.enrol(person, key, code, has_shown_a_code=verified)
        except second_factor.WrongCodeError as error:
            form.add_error("code", str(error))
        except second_factor.AlreadyEnrolledError:
            return go_to("admin:second_factor", request)
        else:
            del request.session[KEY]
            _let_in(request, device)
            return _show_codes(request)
    return _show_key(request, person, key, form)


def _show_key(
    request: HttpRequest, person: User, key: str, form: CodeForm
) -> HttpResponse:
    address = second_factor.address_for_app(person, key)
    square = segno.make(address, error="m", micro=False).svg_inline(
        scale=4, border=4, light="#fff", omitsize=True
    )
    return _page(
        request,
        "enrol",
        form=form,
        letters=second_factor.in_letters(key),
        address=address,
        square=mark_safe(square),  # noqa: S308 - drawn by segno, of black and white
    )


@for_staff
@require_POST
def renew_codes(request: HttpRequest) -> HttpResponse:
    if not second_factor.is_verified(request.user):
        return go_to("admin:second_factor", request)
    return _show_codes(request)


def _show_codes(request: HttpRequest) -> HttpResponse:
    codes = second_factor.new_codes_on_paper(_person(request))
    return _page(request, "codes", codes=codes)


def _let_in(request: HttpRequest, device: Any) -> None:
    request.session.cycle_key()  # a stolen session id ends here
    note_device(request, device)


def _person(request: HttpRequest) -> User:
    return User.objects.get(username=request.user.get_username())


def _next(request: HttpRequest) -> str:
    """The page that the person wanted; empty unless it is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else ""


def go_to(name: str, request: HttpRequest) -> HttpResponse:
    """Redirect to the page *name*, which leads on to the page that the person wanted."""
    asked = _next(request)
    return redirect(reverse(name) + (f"?{urlencode({'next': asked})}" if asked else ""))


def _page(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    context = {
        "next": _next(request) or reverse("admin:index"),
        "title": "Second factor",
        **context,
    }
    return page(request, f"admin/second_factor/{name}.html", context)
