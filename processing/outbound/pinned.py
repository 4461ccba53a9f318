"""A connection to addresses that were checked, whatever their name says by now.

It is cut after a time, however slowly the other side takes or sends what it has to. So a
receiver holds up nobody for longer, and nothing is sent to it behind that time.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from urllib.parse import SplitResult

from processing.outbound import addresses
from processing.outbound.addresses import Place

CONNECT = 3.0  # seconds for one address
MOST_PLACES = 3  # that are tried, one after another


@contextmanager
def connection(
    parts: SplitResult, places: list[Place], within: float
) -> Iterator[http.client.HTTPConnection]:
    """One request to the host of *parts* at *places*, cut after *within* seconds.

    Raises TimeoutError if it was cut, also where what came before looks whole.
    """
    pinned = _Pinned(parts, places, within)
    deadline = Timer(within, pinned.cut)
    deadline.daemon = True
    deadline.start()
    try:
        yield pinned
    except (OSError, http.client.HTTPException, ValueError):
        if pinned.is_cut:
            raise TimeoutError from None
        raise
    finally:
        deadline.cancel()
        pinned.close()
    if pinned.is_cut:
        raise TimeoutError


def target(parts: SplitResult) -> str:
    """What a request asks for: path and query."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class _Pinned(http.client.HTTPConnection):
    def __init__(self, parts: SplitResult, places: list[Place], within: float) -> None:
        super().__init__(addresses.bracketed(parts), parts.port, timeout=within)
        self.default_port = addresses.DEFAULT_PORTS[parts.scheme]
        self.port = parts.port or self.default_port
        self._places = places
        self._tls = parts.scheme == "https"
        self._wire: socket.socket | None = None  # kept when `sock` is let go
        self.is_cut = False

    def connect(self) -> None:
        raw = self._reached()
        raw.settimeout(self.timeout)
        self.sock = self._wire = raw
        if self._tls:
            wrapped = ssl.create_default_context().wrap_socket(
                raw, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = self._wire = wrapped
            self._look()
            wrapped.do_handshake()
        self._look()

    def _look(self) -> None:
        """End what nobody could cut, because the socket was not yet known."""
        if self.is_cut:
            raise TimeoutError

    def _reached(self) -> socket.socket:
        """Connected to the first address that takes it: one may be of a network we lack."""
        *others, last = self._places[:MOST_PLACES]
        for place in others:
            try:
                return _connected(place)
            except OSError:
                continue
        return _connected(last)

    def cut(self) -> None:
        """End all waiting for the receiver, also for one that sends a byte now and then."""
        self.is_cut = True
        if self._wire is not None:
            try:
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)
            except OSError:
                return


def _connected(place: Place) -> socket.socket:
    sock = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(CONNECT)
        sock.connect(place.socket_address)
    except BaseException:
        sock.close()
        raise
    return sock
