"""The demonstration page: send a sample, see its message, watch it being processed."""

import json
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from intake.accept import REFUSALS, accept
from intake.pages import demo_samples
from intake.pages.views import SeeOther
from processing.receipts import Receipt
from processing.sqs import publisher
from processing.sqs.refusals import SendError


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return _show(request)


@require_POST
def send(request: HttpRequest, kind: str) -> HttpResponse:
    if not settings.DEMO or kind not in demo_samples.SAMPLES:
        raise Http404
    event = demo_samples.sample(kind)
    try:
        accept(event)
    except REFUSALS as error:
        return _show(request, HTTPStatus.SERVICE_UNAVAILABLE, problem=str(error))
    return SeeOther(
        reverse("intake:demo_sent", args=[demo_samples.token_of(kind, event)])
    )


@never_cache
@require_safe
def sent(request: HttpRequest, token: str) -> HttpResponse:
    try:
        event = demo_samples.read(token)
    except demo_samples.UnknownSampleError as error:
        raise Http404(str(error)) from None
    receipt = Receipt.of(event)
    return _show(
        request,
        receipt=receipt,
        status=receipt.status(),
        queue=event.queue,
        body=json.dumps(json.loads(event.body), indent=2),
    )


@require_POST
def send_broken(request: HttpRequest) -> HttpResponse:
    """In development only: act as a faulty producer, so that its event can be repaired."""
    if not (settings.DEMO and settings.DEBUG):
        raise Http404
    try:
        publisher.send_raw("orders", demo_samples.BROKEN)
    except SendError:
        sentence = "SQS does not answer, so nothing was sent."
        return _show(request, HTTPStatus.SERVICE_UNAVAILABLE, problem=sentence)
    return _show(request, broken=True, queue="orders", body=demo_samples.BROKEN)


def _show(
    request: HttpRequest, code: HTTPStatus = HTTPStatus.OK, **context: Any
) -> HttpResponse:
    if not settings.DEMO:
        raise Http404
    context["development"] = settings.DEBUG
    return render(request, "intake/demo.html", context, status=code)
