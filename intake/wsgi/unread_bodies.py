"""Read the unread rest of a body before the response is sent.

A request that is refused early leaves its body on the connection. gunicorn then reads 64 KiB
and closes without a word, and the next request of a proxy, maybe another client's, is lost.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.conf import settings

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
_AT_ONCE = 64 * 1024  # bytes


def read_out(application: Application) -> Application:
    def reading(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        stream = environ["wsgi.input"]
        answer = application(environ, start_response)
        with suppress(Exception):  # each server has its own for a body that is cut off
            _read(stream)
        return answer

    return reading


def _read(stream: Any) -> None:
    """Read to the end, or a little beyond the largest allowed body; then close."""
    left = 2 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    while left > 0 and (part := stream.read(_AT_ONCE)):
        left -= len(part)
