"""The mailed link: it opens the account and sets its password, once."""

from http import HTTPStatus
from typing import Any

from django.contrib.auth.forms import SetPasswordForm
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from processing.handlers import accounts
from processing.models import User

LONGEST = 4096  # characters


class PasswordForm(SetPasswordForm):
    """Django's form with a length limit, because hashing a megabyte is costly."""

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(user, data, label_suffix="")
        for field in self.fields.values():
            field.validators.append(MaxLengthValidator(LONGEST))


@method_decorator(never_cache, name="dispatch")
@method_decorator(sensitive_post_parameters(), name="dispatch")
class VerifyView(View):
    """A GET changes nothing, because mail scanners follow links."""

    def dispatch(self, request: HttpRequest, *args: Any, **kw: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kw)
        except accounts.BadLinkError:
            return render(request, "intake/bad_link.html", status=HTTPStatus.GONE)
        except accounts.AlreadyOpenError:
            return render(request, "intake/already_open.html")

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        form = PasswordForm(accounts.waiting_for(token))
        return render(request, "intake/verify.html", {"form": form})

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        form = PasswordForm(accounts.waiting_for(token), request.POST)
        if not form.is_valid():
            context = {"form": form}
            status = HTTPStatus.BAD_REQUEST
            return render(request, "intake/verify.html", context, status=status)
        accounts.verify(token, form.cleaned_data["new_password1"])
        return render(request, "intake/verified.html")
