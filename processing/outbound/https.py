"""Post to a URL that a setting names, and reach nothing else by it.

https only, no private address unless its host is allowed, no redirect, no proxy, a few
seconds in all, and no more than a word of the answer.
"""

import base64
import http.client
import re
import socket
import ssl
from collections.abc import Collection, Mapping
from threading import Timer
from urllib.parse import SplitResult, unquote, urlsplit

from processing.outbound import addresses
from processing.outbound.addresses import Place
from processing.outbound.errors import UndeliveredError

CONNECT = 3.0  # seconds for one address
WITHIN = 10.0  # seconds from the connection to the status
MOST_READ = 2_000  # bytes of a refusal
LONGEST_PAUSE = 3_600  # seconds that a receiver may ask for
_AGAIN = {408, 425, 429}  # refusals of HTTP that are about the moment
_WORD = re.compile(r"[a-z_]{3,40}")  # as Slack says why


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    private: Collection[str] = (),
) -> None:
    """Post JSON. Raises UndeliveredError unless the receiver answers with 2xx."""
    if wrong := addresses.problem(url, private):
        raise UndeliveredError(wrong, is_refusal=True)
    parts = urlsplit(url)
    connection = _Pinned(parts, addresses.resolve(parts, private))
    deadline = Timer(WITHIN, connection.cut)
    deadline.daemon = True
    deadline.start()
    try:
        connection.request("POST", _target(parts), body, _all(headers, parts))
        with connection.getresponse() as answer:
            said = b"" if answer.status < 300 else answer.read(MOST_READ)
    except (OSError, http.client.HTTPException, ValueError) as error:
        name = "TimeoutError" if connection.is_cut else type(error).__name__
        raise UndeliveredError(name) from None
    finally:
        deadline.cancel()
        connection.close()
    if connection.is_cut:  # what came before may look whole
        raise UndeliveredError("TimeoutError")
    _judge(answer, said)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _all(headers: Mapping[str, str], parts: SplitResult) -> dict[str, str]:
    every = {"Content-Type": "application/json", "User-Agent": "Holdfast", **headers}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        coded = base64.b64encode(pair.encode()).decode()
        every["Authorization"] = f"Basic {coded}"
    return every


def _judge(answer: http.client.HTTPResponse, said: bytes) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    word = said.decode("ascii", "replace").strip()
    reason = f"HTTP {status}" + (f" {word}" if _WORD.fullmatch(word) else "")
    if 300 <= status < 400:
        reason += ", a redirect, which is not followed"
    raise UndeliveredError(
        reason,
        is_refusal=300 <= status < 500 and status not in _AGAIN,
        retry_after=_pause(answer.headers.get("Retry-After", "")),
    )


def _pause(text: str) -> float | None:
    """The seconds of a Retry-After; a date is rare there, and our own pauses do."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return None
    return float(min(int(text), LONGEST_PAUSE))


class _Pinned(http.client.HTTPConnection):
    """A connection to addresses that were looked at, whatever their name says by now."""

    def __init__(self, parts: SplitResult, places: list[Place]) -> None:
        super().__init__(addresses.bracketed(parts), parts.port, timeout=WITHIN)
        self.default_port = 443 if parts.scheme == "https" else 80
        self.port = parts.port or self.default_port
        self._places = places
        self._tls = parts.scheme == "https"
        self._wire: socket.socket | None = None  # kept when `sock` is let go
        self.is_cut = False

    def connect(self) -> None:
        raw = self._reached()
        raw.settimeout(WITHIN)
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
        *others, last = self._places[:3]
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
