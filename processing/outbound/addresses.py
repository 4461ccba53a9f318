"""Where a URL of a setting may lead: to public addresses, unless its host is allowed more.

A name is resolved once, and the connection is made to that address. So a name that leads
elsewhere a moment later (DNS rebinding) leads nowhere.
"""

import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

from processing.outbound.errors import PrivateAddressError, UndeliveredError

DEFAULT_PORTS = {"https": 443, "http": 80}
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Place:
    """One resolved address, as the functions of sockets take it."""

    family: int
    socket_address: tuple[Any, ...]

    @property
    def is_public(self) -> bool:
        return is_public(str(self.socket_address[0]))


def problem(url: str, private: Collection[str]) -> str:
    """Why nothing is posted to *url*, as a sentence that does not repeat it; or empty."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "It cannot be read as a URL."
    if parts.scheme not in DEFAULT_PORTS:
        return "It does not begin with https://."
    if not _is_host(host) or any(not one.isprintable() or one.isspace() for one in url):
        return "It names no host, or holds blanks."
    if parts.scheme == "http" and host not in private:
        return "It is not encrypted: it begins with http."
    return ""


def host_of(url: str) -> str:
    """All of *url* that may be shown."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return "?"
    return host if host and _is_host(host) else "?"


def _is_host(text: str | None) -> bool:
    r"""Not what urlsplit takes for one where a slash is written as \ or %2F."""
    return bool(text) and all(one.isalnum() or one in ".-_:" for one in text or "")


def bracketed(parts: SplitResult) -> str:
    """The host as `http.client` takes it, which reads a bare IPv6 address as host and port."""
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def resolve(parts: SplitResult, private: Collection[str]) -> list[Place]:
    """The addresses of the host. Raises UndeliveredError if nobody knows one, and
    PrivateAddressError if one is not public, unless *private* names the host.

    All have to be: which of them is taken is not ours to choose.
    """
    host = parts.hostname or ""
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UndeliveredError("the name of the host is not known") from None
    places = [Place(family, address) for family, _, _, _, address in found]
    if host not in private and not all(one.is_public for one in places):
        raise PrivateAddressError
    return places


def is_public(text: str) -> bool:
    """Whether the address *text*, or the IPv4 address inside it, is of the public internet."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inside = IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
