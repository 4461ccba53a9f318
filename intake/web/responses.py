"""Send a long response no faster than its client reads.

granian keeps all that it is given of a stream, so an export would be in memory whole while
its client reads. But it reads a file only as its client does. So a file goes to it by its
path, and any other long response is a named pipe, which it takes for a file.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from select import POLLOUT, poll
from tempfile import TemporaryDirectory
from typing import Any

from intake.web.clients import Client

AT_ONCE = 256 * 1024  # bytes; a longer response is a file to granian
PART = 64 * 1024  # bytes to write at once
OPENING = 10  # seconds for granian to open a pipe
TAKING = 90  # seconds for a part; the kernel gives a client up earlier, see __main__


class LeftError(Exception):
    """The client went away."""


class File:
    """What `wsgi.file_wrapper` makes of an open file."""

    def __init__(self, file: Any, size: int = PART) -> None:
        self._file = file
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        while part := self._file.read(self._size):
            yield part

    def close(self) -> None:
        self._file.close()

    def path(self) -> str | None:
        """Where a large file is that is to be sent from its beginning."""
        path = getattr(self._file, "name", None)
        if not isinstance(path, str) or self._file.tell():
            return None
        with suppress(OSError):
            opened = os.fstat(self._file.fileno())
            if opened.st_size > AT_ONCE and os.path.samestat(opened, os.stat(path)):
                return path
        return None


def send(parts: Iterable[bytes], begin: Callable[[str], None], client: Client) -> None:
    """Send *parts* until the client leaves. *begin* tells granian the path of the pipe.

    The end of the pipe is the end of the response. So where a part fails, the connection is
    cut, or what was sent would pass for the whole.
    """
    with suppress(LeftError), _pipe(begin, client) as pipe:
        try:
            for part in _joined(parts):
                _write(pipe, part)
        except LeftError:
            raise
        except BaseException:
            client.cut()
            raise


def _write(pipe: int, part: bytes) -> None:
    ready = poll()
    ready.register(pipe, POLLOUT)
    left = memoryview(part)
    while left:
        if not ready.poll(TAKING * 1000):
            raise LeftError
        try:
            left = left[os.write(pipe, left) :]
        except BrokenPipeError:
            raise LeftError from None


@contextmanager
def _pipe(begin: Callable[[str], None], client: Client) -> Iterator[int]:
    with TemporaryDirectory(prefix="holdfast-web-") as folder:
        path = f"{folder}/response"
        os.mkfifo(path, 0o600)
        begin(path)
        with client.watched() as has_left:
            pipe = _opened(path, has_left)
    try:
        yield pipe
    finally:
        os.close(pipe)


def _opened(path: str, has_left: Callable[[], bool]) -> int:
    """The end to write to, when granian has opened the other one."""
    end = time.monotonic() + OPENING
    while time.monotonic() < end and not has_left():
        with suppress(OSError):
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.001)
    late = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # frees who opens it just now
    os.unlink(path)
    os.close(late)
    raise LeftError


def _joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """A row of an export has few bytes."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        if len(waiting) >= PART:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)
