"""GET a URL that staff wrote, and return its status alone.

Staff must not reach through us what only this machine can reach. So a URL has https, and
each address that its host has is public, unless PROBE_PRIVATE_HOSTS names the host. The
connection goes to the address that was checked. Redirects are not followed, and nothing
but the status is read.
"""

from http.client import OK as OK
from http.client import HTTPException
from ipaddress import ip_address
from ssl import SSLError
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from dlq_review.errors import ReviewError
from processing.outbound import addresses, pinned
from processing.outbound.errors import PrivateAddressError, UndeliveredError

DEADLINE = 10.0  # seconds from the connection to the status, however slowly it drips
_PRIVATE = "A private address, which PROBE_PRIVATE_HOSTS does not name."


class ProbeError(ReviewError):
    """The URL cannot be asked, or gives no answer."""


def check(url: str) -> None:
    """Check what can be seen without a network. Raises ProbeError, for the form."""
    _parts(url)


def status_of(url: str) -> int:
    """The status of the answer. Raises ProbeError, whose text names no secret of the URL."""
    parts = _parts(url)
    try:
        places = addresses.resolve(parts, _private_hosts())
        with pinned.connection(parts, places, DEADLINE) as connection:
            sent = {"User-Agent": "Holdfast-probe"}
            connection.request("GET", pinned.target(parts), headers=sent)
            return connection.getresponse().status
    except PrivateAddressError:
        raise ProbeError(_PRIVATE) from None
    except UndeliveredError as error:
        raise ProbeError(f"{error}.".capitalize()) from None
    except SSLError as error:
        raise ProbeError(f"TLS failed ({error.reason or 'no reason'}).") from None
    except (OSError, HTTPException, ValueError) as error:
        raise ProbeError(f"{type(error).__name__}.") from None


def _parts(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ProbeError("A URL has only visible ASCII characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ProbeError("This is no URL.") from None
    if parts.scheme not in addresses.DEFAULT_PORTS or not host or port == 0:
        raise ProbeError("Write a URL such as https://status.example.com/health.")
    if parts.username is not None or parts.password is not None:
        raise ProbeError("A URL with a name or a password is shown to all staff.")
    if host in _private_hosts():
        return parts
    if parts.scheme != "https":
        raise ProbeError("Only https, unless PROBE_PRIVATE_HOSTS names the host.")
    if _is_address(host) and not addresses.is_public(host):
        raise ProbeError(_PRIVATE)
    return parts


def _private_hosts() -> set[str]:
    return {one.lower() for one in settings.PROBE_PRIVATE_HOSTS}


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
