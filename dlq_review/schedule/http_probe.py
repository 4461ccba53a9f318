"""GET a URL that staff wrote, and return its status alone.

Staff must not reach through us what only this machine can reach. So a URL has https, and
each address that its host has is public, unless PROBE_PRIVATE_HOSTS names the host. The
connection goes to the address that was checked. Redirects are not followed, and nothing
but the status is read.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import OK as OK
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from threading import Timer
from time import monotonic
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from dlq_review.errors import ReviewError
from processing.outbound.addresses import bracketed, is_public

PATIENCE = 5.0  # seconds for one step
DEADLINE = 10.0  # seconds for all of them, however slowly the answer drips
_DEFAULT = {"https": 443, "http": 80}


class ProbeError(ReviewError):
    """The URL cannot be asked, or gives no answer."""


def check(url: str) -> None:
    """Check what can be seen without a network. Raises ProbeError, for the form."""
    _parts(url)


def status_of(url: str) -> int:
    """The status of the answer. Raises ProbeError, whose text names no secret of the URL."""
    parts = _parts(url)
    host = parts.hostname or ""
    try:
        with _connected(host, parts.port or _DEFAULT[parts.scheme]) as connected:
            return _status(connected, parts)
    except ssl.SSLError as error:
        raise ProbeError(f"TLS failed ({error.reason or 'no reason'}).") from None
    except (OSError, HTTPException, UnicodeError) as error:
        raise ProbeError(f"{type(error).__name__}.") from None


def _parts(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ProbeError("A URL has only visible ASCII characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ProbeError("This is no URL.") from None
    if parts.scheme not in _DEFAULT or not host or port == 0:
        raise ProbeError("Write a URL such as https://status.example.com/health.")
    if parts.username is not None or parts.password is not None:
        raise ProbeError("A URL with a name or a password is shown to all staff.")
    if _is_allowed(host):
        return parts
    if parts.scheme != "https":
        raise ProbeError("Only https, unless PROBE_PRIVATE_HOSTS names the host.")
    if _is_address(host) and not is_public(host):
        raise ProbeError("A private address, which PROBE_PRIVATE_HOSTS does not name.")
    return parts


def _is_allowed(host: str) -> bool:
    return host in {one.lower() for one in settings.PROBE_PRIVATE_HOSTS}


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(host: str, port: int) -> list[str]:
    """The addresses of *host*, all of which may be asked. Raises ProbeError, OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not _is_allowed(host):
        for one in addresses:
            if not is_public(one):
                raise ProbeError(
                    "A private address, which PROBE_PRIVATE_HOSTS does not name."
                )
    return addresses


def _reached(host: str, port: int) -> socket.socket:
    """A connection to the first address that takes one, of two: the other may be of IPv6, on
    a network without it."""
    *others, last = _addresses(host, port)[:2]
    for address in others:
        with suppress(OSError):
            return socket.create_connection((address, port), PATIENCE)
    return socket.create_connection((last, port), PATIENCE)


@contextmanager
def _connected(host: str, port: int) -> Iterator[socket.socket]:
    """A connection that is cut after DEADLINE, whoever is slow."""
    ends = monotonic() + DEADLINE
    with (
        _reached(host, port) as connected,
        # A copy of the handle, which stays valid when TLS takes the first one over.
        closing(connected.dup()) as handle,
    ):
        timer = Timer(max(ends - monotonic(), 0), _cut, (handle,))
        timer.daemon = True
        timer.start()
        try:
            yield connected
        finally:
            timer.cancel()
            timer.join()
        if monotonic() >= ends:  # what was cut may look like a whole answer
            raise TimeoutError


def _cut(handle: socket.socket) -> None:
    with suppress(OSError):  # the other side was first
        handle.shutdown(socket.SHUT_RDWR)


def _status(connected: socket.socket, parts: SplitResult) -> int:
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connected = context.wrap_socket(connected, server_hostname=parts.hostname)
    with closing(HTTPConnection(bracketed(parts), parts.port)) as http:
        http.sock = connected
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        http.request("GET", target, headers={"User-Agent": "Holdfast-probe"})
        return http.getresponse().status
