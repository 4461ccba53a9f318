"""Read what an API client sent, strictly."""

from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

from processing.events import strict_json


class UnsupportedMediaTypeError(ValueError):
    """Send JSON: Content-Type: application/json, in UTF-8, without a Content-Encoding."""


class BodyTooLargeError(ValueError):
    """The body has more than {most:,} bytes, which is the most. Send less at once."""

    def __init__(self) -> None:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        super().__init__((type(self).__doc__ or "").format(most=most))


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body.

    Raises BodyTooLargeError, UnsupportedMediaTypeError or UnreadableJSONError.
    """
    sent = _body(request)
    if not sent:
        sentence = "This request has no body. Send one JSON object, as in {...}."
        raise strict_json.UnreadableJSONError(sentence)
    charset = (request.content_params or {}).get("charset", "utf-8")
    if (
        request.content_type != "application/json"
        or charset.lower() not in ("utf-8", "utf8")
        or request.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity"
    ):
        raise UnsupportedMediaTypeError(UnsupportedMediaTypeError.__doc__)
    body = strict_json.loads(sent)
    if not isinstance(body, dict):
        raise strict_json.UnreadableJSONError("Send one JSON object, as in {...}.")
    return body


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise BodyTooLargeError from None
    except (BadRequest, UnreadablePostError):
        sentence = "The body was cut off or garbled on its way. Send it again."
        raise strict_json.UnreadableJSONError(sentence) from None
