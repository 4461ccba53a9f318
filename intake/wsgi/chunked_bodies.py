"""Bodies without a length (`Transfer-Encoding: chunked`), which Django takes for empty.

A server that decodes the chunks marks the request, and ends the stream with the body. Here
Django gets the largest allowed size as length, and reads until the end. Nothing is read
before a view asks.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def unchunked(application: Application) -> Application:
    def taking_chunks(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        ends = environ.get("wsgi.input_terminated")
        if ends and "HTTP_TRANSFER_ENCODING" in environ:
            most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            environ["wsgi.input"] = _Body(environ["wsgi.input"], most)
            environ["CONTENT_LENGTH"] = str(most)
        return application(environ, start_response)

    return taking_chunks


class _Body:
    def __init__(self, stream: Any, most: int) -> None:
        self._stream = stream
        self._left = most

    def read(self, size: int) -> bytes:
        return self._taken(self._stream.read, size)

    def readline(self, size: int) -> bytes:
        return self._taken(self._stream.readline, size)

    def _taken(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            taken = read(size)
            self._left -= len(taken)
            goes_on = self._left <= 0 and self._stream.read(1)
        except Exception as error:  # each server has its own
            raise BadRequest("The body was cut off or garbled.") from error
        if goes_on:
            raise RequestDataTooBig
        return taken
