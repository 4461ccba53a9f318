"""Errors of the API, as RFC 9457 problem details: a sentence, and a pointer per field."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from intake.reading import UnsupportedMediaTypeError
from intake.receipts import UnknownReceiptError
from intake.request_ids import BadKeyError
from intake.services import NotAcceptedError, UnsendableError
from processing.event_errors import InvalidEventError, Problem
from processing.queues import TooLargeError
from processing.strict_json import UnreadableJSONError

MOST_ERRORS = 50  # a request can be wrong in ten thousand places
STATUS_OF: dict[type[Exception], HTTPStatus] = {
    UnreadableJSONError: HTTPStatus.BAD_REQUEST,
    InvalidEventError: HTTPStatus.BAD_REQUEST,
    BadKeyError: HTTPStatus.BAD_REQUEST,
    UnsendableError: HTTPStatus.BAD_REQUEST,
    UnknownReceiptError: HTTPStatus.NOT_FOUND,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RequestDataTooBig: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    NotAcceptedError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def refuse(request: HttpRequest, error: Any) -> HttpResponse:
    """The answer to a request that failed with one of STATUS_OF."""
    if isinstance(error, InvalidEventError):
        return problem(
            HTTPStatus.BAD_REQUEST,
            "The request does not keep to its contract; see errors.",
            errors=error.problems,
        )
    response = problem(STATUS_OF[type(error)], str(error))
    if isinstance(error, NotAcceptedError):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def problem(
    status: HTTPStatus, detail: str, errors: Sequence[Problem] = ()
) -> HttpResponse:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [
            {"pointer": error.pointer, "detail": error.message}
            for error in errors[:MOST_ERRORS]
        ]
    return HttpResponse(
        json.dumps(body), status=status, content_type="application/problem+json"
    )
