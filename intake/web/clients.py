"""What a thread can learn of the client of its request, and can do to its connection."""

import asyncio
import ctypes
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_libc = ctypes.CDLL(None)
#: Of the family AF_UNSPEC. To connect there resets a connection on Linux. A mere end would
#: pass for the end of a response of HTTP/1.0.
_NOWHERE = bytes(16)


class Client:
    def __init__(self, scope: Any, proto: Any, loop: asyncio.AbstractEventLoop) -> None:
        """*scope* and *proto* are those of granian's RSGI."""
        host, _, port = scope.client.rpartition(":")
        self._address = host.strip("[]"), int(port)
        self._proto = proto
        self._loop = loop

    @contextmanager
    def watched(self) -> Iterator[Callable[[], bool]]:
        """Gives what tells whether the client has left."""
        watch = asyncio.run_coroutine_threadsafe(self._leaves(), self._loop)
        try:
            yield watch.done
        finally:
            watch.cancel()

    async def _leaves(self) -> None:
        await self._proto.client_disconnect()

    def cut(self) -> None:
        """Reset the connection, for which granian has no call."""
        for one in _sockets():
            with suppress(OSError):
                if one.getpeername()[:2] == self._address:
                    _libc.connect(one.fileno(), _NOWHERE, len(_NOWHERE))
                    one.shutdown(socket.SHUT_RDWR)  # where that was of no effect


def _sockets() -> Iterator[socket.socket]:
    """All sockets of this process."""
    for number in os.listdir("/dev/fd"):
        with suppress(OSError):  # it is closed by now
            copy = os.dup(int(number))
            try:
                found = socket.socket(fileno=copy)
            except OSError:
                os.close(copy)
                continue
            with found:
                yield found
