"""The JSON API. It reads, calls `accept` and answers 202: stored, not yet processed."""

import functools
import json
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import get_script_prefix, reverse

from intake import idempotent_replays, request_ids
from intake.accept import accept, prepare
from intake.api import batches, problems
from intake.api.json_body import read_object
from intake.api.openapi import DocumentedAPI, answers, takes
from intake.correlation import correlation_id
from intake.hosts import host_of
from intake.keys import callers
from intake.rate_limits import counted_as
from processing.events.contract import Contract
from processing.events.contracts import (
    OrderCreated,
    OrderUpdated,
    SignupRequested,
)
from processing.events.envelope import Event
from processing.events.errors import InvalidEventError, Problem
from processing.receipts import Receipt
from processing.sqs.meanwhile import Prepared

POLL_SECONDS = "2"
ACCEPTED = answers(
    HTTPStatus.ACCEPTED,
    "Accepted",
    ("Location", "Retry-After", "Idempotency-Replayed"),
    *(401, 404, 413, 415, 422),
)

api = DocumentedAPI(
    title="Holdfast",
    version="1",
    description="Send orders and sign-ups. Each is stored at once and processed soon.",
    urls_namespace="api",
)
for error_class in problems.STATUS_OF:
    api.add_exception_handler(error_class, problems.refuse)


@api.post(
    "/orders",
    operation_id="createOrder",
    tags=["Orders"],
    summary="Send an order",
    openapi_extra=takes("OrderCreated") | ACCEPTED,
)
def create_order(request: HttpRequest) -> HttpResponse:
    return _accept(request, OrderCreated, _asked(request, OrderCreated))


@api.patch(
    "/orders/{path:order_id}",
    operation_id="changeOrderStatus",
    tags=["Orders"],
    summary="Change the status of an order",
    openapi_extra=takes("StatusChange") | ACCEPTED,
)
def change_status(request: HttpRequest, order_id: str) -> HttpResponse:
    asked = _asked(request, OrderUpdated)
    if "order_id" in asked:
        problem = Problem("order_id", "It stands in the address; leave it out here.")
        raise InvalidEventError([problem])
    return _accept(request, OrderUpdated, {**asked, "order_id": order_id})


@api.post(
    "/signups",
    operation_id="signUp",
    tags=["Sign-ups"],
    summary="Ask for an account",
    openapi_extra=takes("SignupRequested") | ACCEPTED,
)
def sign_up(request: HttpRequest) -> HttpResponse:
    return _accept(request, SignupRequested, _asked(request, SignupRequested))


@api.post(
    "/batches",
    operation_id="sendBatch",
    tags=["Batches"],
    summary="Send up to 100 events; each has its own result, in order",
    openapi_extra=takes("Batch", key=False)
    | answers(HTTPStatus.MULTI_STATUS, "BatchResults", (), 401, 413, 415),
)
def send_batch(request: HttpRequest) -> HttpResponse:
    _, client = counted_as(request)
    sender = batches.Sender(client, callers.caller_of(request))
    results = batches.accept(read_object(request), correlation_id(request), sender)
    described = [_result(request, result) for result in results]
    accepted = sum(one["status"] == HTTPStatus.ACCEPTED for one in described)
    body = {
        "accepted": accepted,
        "refused": len(described) - accepted,
        "results": described,
    }
    return JsonResponse(body, status=HTTPStatus.MULTI_STATUS)


@api.get(
    "/requests/{token}",
    operation_id="getStatus",
    tags=["Statuses"],
    summary="What became of a request",
    openapi_extra=answers(HTTPStatus.OK, "Status", ("Retry-After",), 404),
)
def request_status(request: HttpRequest, token: str) -> HttpResponse:
    receipt = Receipt.read(token)
    status = receipt.status()
    body = {
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
        headers["Retry-After"] = POLL_SECONDS
    return JsonResponse(body, headers=headers)


def _asked(request: HttpRequest, contract: type[Contract]) -> dict[str, Any]:
    callers.check_scope(callers.caller_of(request), contract.type)
    return read_object(request)


def _accept(
    request: HttpRequest, contract: type[Contract], asked: dict[str, Any]
) -> HttpResponse:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    request_id = request_ids.from_key(contract, asked, key)
    event = prepare(contract, asked, request_id, correlation_id(request))
    first = idempotent_replays.first_accepted_at(event) if key else None
    response = Prepared(functools.partial(_response, request, event, first))
    if first is None:
        with response:
            accept(event)
    if key and first is None:
        idempotent_replays.remember(event)
    return response.result()


def _response(
    request: HttpRequest, event: Event, first: datetime | None
) -> HttpResponse:
    body = _accepted(request, event, first or event.timestamp)
    # Not JsonResponse: its encoder takes twice the time, and nothing here needs it.
    response = HttpResponse(
        json.dumps(body).encode(),  # a text would have to look for its charset
        status=HTTPStatus.ACCEPTED,
        content_type="application/json",
    )
    response.headers["Location"] = body["statusUrl"]
    response.headers["Retry-After"] = POLL_SECONDS
    response.headers["Cache-Control"] = "no-store"
    if first:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _accepted(request: HttpRequest, event: Event, at: datetime) -> dict[str, str]:
    below = request.path.removesuffix(request.path_info)
    path = below + _status_path() + Receipt.of(event).token
    return {
        "message": "Request received. Processing in progress.",
        "requestId": event.id,
        "statusUrl": f"{request.scheme}://{host_of(request)}{path}",
        "receivedAt": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


@functools.cache
def _status_path() -> str:
    """Where statuses are, below the prefix of the site; a token, which is safe in any
    address, completes it.
    """
    path = reverse("api:request_status", args=["-"]).removesuffix("-")
    return "/" + path.removeprefix(get_script_prefix())


def _result(request: HttpRequest, result: Event | Exception) -> dict[str, Any]:
    if isinstance(result, Exception):
        body = problems.describe(result)
        return {"status": body["status"], "problem": body}
    accepted = _accepted(request, result, result.timestamp)
    del accepted["message"]
    return {"status": HTTPStatus.ACCEPTED, **accepted}
