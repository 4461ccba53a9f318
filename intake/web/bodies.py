"""Read the body of a request, so that a client that sends slowly holds no thread.

A body that nobody wants is read too, or the next request of the connection, maybe of another
client of a proxy, would be lost.
"""

import asyncio
import io
import time
from collections.abc import Callable
from typing import Any, NoReturn, Self

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig

PATIENCE = 60  # seconds for a whole body
MOST_PARTS = 10_000  # of a body; each costs the event loop some microseconds
MOST_DIGITS = 20  # of a length; it may begin with zeros, and `int` refuses thousands
SMALL = 64 * 1024  # bytes; a process may hold as many bodies as it has connections
LOOKING = 0.0005  # seconds, for a body that was sent with its head
LARGE_AT_ONCE = 64 * 1024 * 1024  # bytes of all larger ones that a process holds


class FullError(Exception):
    """Other large bodies fill LARGE_AT_ONCE."""


class Room:
    """What a large body takes of LARGE_AT_ONCE, for as long as its request lasts."""

    taken = 0  # by all; only the event loop changes it

    def __init__(self) -> None:
        self._own = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        Room.taken -= self._own

    def take(self, size: int) -> None:
        """Raises FullError."""
        if Room.taken + size > LARGE_AT_ONCE:
            raise FullError
        Room.taken += size
        self._own += size


class Refused:
    """A body that cannot be taken: the application hears of it when it reads."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int = -1) -> NoReturn:
        raise self._error

    readline = read


class Body:
    """What `wsgi.input` and `CONTENT_LENGTH` become."""

    def __init__(self, stream: Any, length: int) -> None:
        self.stream = stream
        self.length = length


class Arriving:
    """A small body, which granian reads whole. Most come with the head of their request.

    Any thread may use it.
    """

    def __init__(self, whole: Any) -> None:
        """*whole*: a future of granian."""
        self._whole = whole
        self._end = time.monotonic() + PATIENCE

    def is_here(self) -> bool:
        """Whether the body came by now, or comes within LOOKING."""
        end = time.monotonic() + LOOKING
        while not self._whole.done():
            if time.monotonic() > end:
                return False
            time.sleep(0)  # the thread that tells needs the interpreter
        return True

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self._end

    def call_when_here(self, call: Callable[..., None]) -> None:
        self._whole.add_done_callback(call)

    def body(self) -> Body:
        """The body that is here. One that is not is refused, and what comes of it is left."""
        if self._whole.cancel():
            return _too_late()
        # An error that is raised would hold this frame, the future and itself for ever.
        if self._whole.exception():  # RSGIProtocolClosed
            return cut_off()
        whole = self._whole.result()
        return Body(io.BytesIO(whole), len(whole))


def small(headers: Any, proto: Any) -> Body | Arriving | None:
    """None: `read` has to read it. *headers* and *proto* are those of granian's RSGI."""
    if "transfer-encoding" in headers:
        return None
    length = headers.get("content-length", "0")
    if length == "0":
        return Body(io.BytesIO(), 0)
    most = min(SMALL, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if len(length) > MOST_DIGITS or int(length) > most:
        return None
    return Arriving(proto())


async def read(headers: Any, proto: Any, room: Room) -> Body:
    """Any body that is not small.

    At most twice the largest allowed body is read, and no more than one is kept. Raises
    FullError.
    """
    if "transfer-encoding" in headers:
        coding = headers.get("transfer-encoding", "")  # "" for one that is not ASCII
        if coding.strip().lower() != "chunked":
            return _refused(BadRequest("Send a body as it is, or in chunks."))
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    try:
        async with asyncio.timeout(PATIENCE):
            return await _in_parts(proto, most, room)
    except TimeoutError:
        return _too_late()
    except RuntimeError:  # RSGIProtocolClosed
        return cut_off()


async def _in_parts(proto: Any, most: int, room: Room) -> Body:
    """granian gives an empty part at the end, and one more where the body is cut off."""
    whole, length, number, empty = bytearray(), 0, 0, 0
    async for part in proto:
        number += 1
        empty += not part
        length += len(part)
        if length <= most:
            if length > SMALL:
                room.take(len(part))
            whole += part
        if length > 2 * most or number > MOST_PARTS:
            break
    if number > MOST_PARTS:
        return _refused(BadRequest("Send the body in fewer chunks."))
    if length > most:
        return Body(Refused(RequestDataTooBig()), length)
    if empty != 1:
        return cut_off()
    return Body(io.BytesIO(whole), length)


def _too_late() -> Body:
    return _refused(BadRequest(f"The body did not arrive within {PATIENCE} seconds."))


def cut_off() -> Body:
    return _refused(BadRequest("The body was cut off or garbled."))


def _refused(error: Exception) -> Body:
    return Body(Refused(error), 1)
