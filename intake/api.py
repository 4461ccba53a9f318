"""The JSON API. It reads, calls `accept` and answers 202: stored, not yet processed."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from ninja import NinjaAPI

from intake import problems, request_ids
from intake.reading import read_object
from intake.receipts import Receipt
from intake.services import accept, prepare
from processing.events import Contract, Event, OrderCreated, SignupRequested

POLL_SECONDS = 2

api = NinjaAPI(
    title="Holdfast",
    version="1",
    description="Send orders and sign-ups. Each is stored at once and processed soon.",
    urls_namespace="api",
)
for error_class in problems.STATUS_OF:
    api.add_exception_handler(error_class, problems.refuse)


@api.post("/orders", summary="Send an order")
def create_order(request: HttpRequest) -> HttpResponse:
    return _accept(request, OrderCreated, read_object(request))


@api.post("/signups", summary="Ask for an account")
def sign_up(request: HttpRequest) -> HttpResponse:
    return _accept(request, SignupRequested, read_object(request))


@api.get("/requests/{token}", summary="What became of a request")
def request_status(request: HttpRequest, token: str) -> HttpResponse:
    receipt = Receipt.read(token)
    status = receipt.status()
    body: dict[str, Any] = {
        "requestId": receipt.request_id,
        "type": receipt.type,
        "state": status.state,
        "attempt": status.attempt,
        "final": status.final,
        "made": status.made,
        "reason": status.reason,
    }
    headers = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
    if not status.final:
        headers["Retry-After"] = str(POLL_SECONDS)
    return JsonResponse(body, headers=headers)


def _accept(
    request: HttpRequest, contract: type[Contract], asked: dict[str, Any]
) -> HttpResponse:
    request_id = request_ids.from_header(
        contract, asked, request.headers.get("Idempotency-Key")
    )
    event = prepare(contract, asked, request_id)
    accept(event)
    return _accepted(request, event)


def _accepted(request: HttpRequest, event: Event) -> HttpResponse:
    path = reverse("api:request_status", args=[Receipt.of(event).token])
    status_url = request.build_absolute_uri(path)
    return JsonResponse(
        {
            "message": "Request received. Processing in progress.",
            "requestId": event.id,
            "statusUrl": status_url,
            "receivedAt": event.timestamp,
        },
        status=HTTPStatus.ACCEPTED,
        headers={
            "Location": status_url,
            "Retry-After": str(POLL_SECONDS),
            "Cache-Control": "no-store",
        },
    )
