"""Read what an API client sent, strictly."""

from typing import Any

from django.http import HttpRequest

from processing import strict_json


class UnsupportedMediaTypeError(ValueError):
    """Send JSON: Content-Type: application/json, in UTF-8, without a Content-Encoding."""


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body.

    Raises UnsupportedMediaTypeError, UnreadableJSONError or RequestDataTooBig.
    """
    charset = (request.content_params or {}).get("charset", "utf-8")
    if (
        request.content_type != "application/json"
        or charset.lower() not in ("utf-8", "utf8")
        or request.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity"
    ):
        raise UnsupportedMediaTypeError(UnsupportedMediaTypeError.__doc__)
    body = strict_json.loads(request.body)
    if not isinstance(body, dict):
        raise strict_json.UnreadableJSONError("Send one JSON object, as in {...}.")
    return body
