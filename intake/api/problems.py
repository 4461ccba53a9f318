"""Errors of the API, as RFC 9457 problem details: a sentence, and a pointer per field."""

import json
from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from intake.accept import NotAcceptedError, UnsendableError
from intake.api.batches import KeyTwiceError
from intake.api.json_body import BodyTooLargeError, UnsupportedMediaTypeError
from intake.idempotent_replays import KeyReusedError
from intake.keys.callers import MissingKeyError, OutOfScopeError, WrongKeyError
from intake.keys.known_keys import KeysUnknownError
from intake.rate_limits import RateLimitedError
from intake.request_ids import BadKeyError
from processing.events.errors import InvalidEventError
from processing.events.strict_json import UnreadableJSONError
from processing.receipts import UnknownReceiptError
from processing.sqs.entries import TooLargeError


class LaterError(Exception):
    """This cannot be shown just now. Nothing is lost: what we accepted is stored. Please ask again in a few seconds."""

    headers: ClassVar = {"Retry-After": "5"}


CONTENT_TYPE = "application/problem+json"
MOST_ERRORS = 50  # a request can be wrong in ten thousand places
STATUS_OF: dict[type[Exception], HTTPStatus] = {
    UnreadableJSONError: HTTPStatus.BAD_REQUEST,
    InvalidEventError: HTTPStatus.BAD_REQUEST,
    BadKeyError: HTTPStatus.BAD_REQUEST,
    UnsendableError: HTTPStatus.BAD_REQUEST,
    MissingKeyError: HTTPStatus.UNAUTHORIZED,
    WrongKeyError: HTTPStatus.UNAUTHORIZED,
    OutOfScopeError: HTTPStatus.FORBIDDEN,
    UnknownReceiptError: HTTPStatus.NOT_FOUND,
    KeyTwiceError: HTTPStatus.CONFLICT,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    KeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    NotAcceptedError: HTTPStatus.SERVICE_UNAVAILABLE,
    LaterError: HTTPStatus.SERVICE_UNAVAILABLE,
    KeysUnknownError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def refuse(request: HttpRequest, error: Any) -> HttpResponse:
    """The response for a request that failed with one of STATUS_OF."""
    response = answer(describe(error))
    for name, value in getattr(error, "headers", {}).items():
        response.headers[name] = value
    return response


def answer(problem: dict[str, Any]) -> HttpResponse:
    return HttpResponse(
        json.dumps(problem), status=problem["status"], content_type=CONTENT_TYPE
    )


def describe(error: Exception) -> dict[str, Any]:
    """The problem document of one of STATUS_OF."""
    status = STATUS_OF[type(error)]
    if not isinstance(error, InvalidEventError):
        return general(status, str(error))
    sentence = "The request does not keep to its contract; see errors."
    if len(error.problems) > MOST_ERRORS:
        sentence = f"{sentence[:-1]}, which lists the first {MOST_ERRORS}."
    return {
        **general(status, sentence),
        "errors": [
            {"pointer": found.pointer, "detail": found.message}
            for found in error.problems[:MOST_ERRORS]
        ],
    }


def general(status: HTTPStatus, detail: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    }
