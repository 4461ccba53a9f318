"""The public pages. None of them uses a session, so none of them needs the database."""

from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods, require_safe

from intake.accept import REFUSALS, accept
from intake.api import problems
from intake.correlation import correlated
from intake.pages import order_lines
from intake.pages.contract_form import ContractForm
from intake.pages.forms import ChangeForm, OrderForm, SignupForm
from processing.receipts import Receipt, UnknownReceiptError


class SeeOther(HttpResponseRedirect):
    status_code = HTTPStatus.SEE_OTHER


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "intake/home.html", {"demo": settings.DEMO})


# Not "no-store", under which browsers forget what was typed.
@method_decorator(cache_control(private=True, no_cache=True), name="dispatch")
class FormView(View):
    """Show a form, accept its request and redirect to the receipt."""

    form_class: ClassVar[type[ContractForm]]
    template_name: ClassVar[str]

    def get(self, request: HttpRequest) -> HttpResponse:
        """The token is part of the address, so that the back button finds the same one."""
        token = request.GET.get("form", "")
        form = self.form_class(initial={"form_token": token})
        if token != str(form.token):
            return redirect(f"{request.path}?{urlencode({'form': form.token})}")
        return self._show(form)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self._show(form, HTTPStatus.BAD_REQUEST)
        event = correlated(form.event, request)
        try:
            accept(event)
        except REFUSALS as error:
            form.add_error(None, str(error))
            return self._show(form, problems.STATUS_OF[type(error)], error)
        token = Receipt.of(event).token
        return SeeOther(reverse("intake:receipt", args=[token]))

    def _show(
        self,
        form: ContractForm,
        status: HTTPStatus = HTTPStatus.OK,
        error: Exception | None = None,
    ) -> HttpResponse:
        answer = render(self.request, self.template_name, {"form": form}, status=status)
        for name, value in getattr(error, "headers", {}).items():
            answer.headers[name] = value
        return answer


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


class ChangeView(FormView):
    form_class = ChangeForm
    template_name = "intake/change.html"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """Show how a request stands. A POST asks for a mail on its outcome."""
    try:
        found = Receipt.read(token)
    except UnknownReceiptError as error:
        raise Http404(str(error)) from None
    if request.method == "POST":
        found.ask_for_mail()
        return SeeOther(request.path)
    context: dict[str, Any] = {
        "receipt": found,
        "status": found.status(),
        "form": _FORMS.get(found.type),
    }
    return render(request, "intake/receipt.html", context)


#: The page for a new request of each type. Sending a former page again repeats its request.
_FORMS = {
    view.form_class.contract.type: reverse_lazy(f"intake:{name}")
    for name, view in (
        ("order", OrderView),
        ("change", ChangeView),
        ("signup", SignupView),
    )
}
