"""The public pages. None of them uses a session, so none of them needs the database."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from intake import order_lines
from intake.contract_forms import ContractForm
from intake.forms import OrderForm, SignupForm
from intake.receipts import Receipt, UnknownReceiptError
from intake.services import NotAcceptedError, UnsendableError, accept
from processing import accounts, queues
from processing.queues import TooLargeError

#: No closing brace.
BROKEN = '{"invalid_json": "this will cause a parsing error"'


class SeeOther(HttpResponseRedirect):
    status_code = HTTPStatus.SEE_OTHER


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "intake/home.html", {"development": settings.DEBUG})


@method_decorator(never_cache, name="dispatch")
class FormView(View):
    """Show a form; accept what it asks for; give its receipt."""

    form_class: ClassVar[type[ContractForm]]
    template_name: ClassVar[str]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(self.form_class())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self._show(form, HTTPStatus.BAD_REQUEST)
        try:
            accept(form.event)
        except TooLargeError as error:
            return self._refuse(form, error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except UnsendableError as error:
            return self._refuse(form, error, HTTPStatus.BAD_REQUEST)
        except NotAcceptedError as error:
            answer = self._refuse(form, error, HTTPStatus.SERVICE_UNAVAILABLE)
            answer.headers["Retry-After"] = str(error.retry_after)
            return answer
        token = Receipt.of(form.event).token
        return SeeOther(reverse("intake:receipt", args=[token]))

    def _refuse(
        self, form: ContractForm, error: Exception, status: HTTPStatus
    ) -> HttpResponse:
        form.add_error(None, str(error))
        return self._show(form, status)

    def _show(
        self, form: ContractForm, status: HTTPStatus = HTTPStatus.OK
    ) -> HttpResponse:
        return render(self.request, self.template_name, {"form": form}, status=status)


class OrderView(FormView):
    form_class = OrderForm
    template_name = "intake/order.html"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        typed = request.POST.dict()
        if "add_line" in typed:
            return self._show(OrderForm(initial=order_lines.one_more(typed)))
        if "remove_line" in typed:
            fewer = order_lines.one_less(typed, typed["remove_line"])
            return self._show(OrderForm(initial=fewer))
        return super().post(request)


class SignupView(FormView):
    form_class = SignupForm
    template_name = "intake/signup.html"


@never_cache
@require_safe
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    try:
        found = Receipt.read(token)
    except UnknownReceiptError as error:
        raise Http404(str(error)) from None
    context: dict[str, Any] = {"receipt": found, "status": found.status()}
    return render(request, "intake/receipt.html", context)


@method_decorator(never_cache, name="dispatch")
class VerifyView(View):
    """The mailed link. A GET only shows a button, because mail scanners follow links."""

    def dispatch(self, request: HttpRequest, *args: Any, **kw: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kw)
        except accounts.BadLinkError:
            return render(request, "intake/bad_link.html", status=HTTPStatus.GONE)

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        accounts.owner_of(token)
        return render(request, "intake/verify.html")

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        accounts.verify(token)
        return render(request, "intake/verified.html")


@require_POST
def send_broken(request: HttpRequest) -> HttpResponse:
    """Development only: what a faulty producer does, to see it repaired."""
    if not settings.DEBUG:
        raise Http404
    queues.send_raw("orders", BROKEN)
    return render(request, "intake/broken_sent.html", {"body": BROKEN})
