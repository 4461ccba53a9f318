"""Rate limits per client, counted in Django's cache and never in the database.

With the default cache each web process counts for itself, so the limits are multiplied by
the number of processes; a shared cache (CACHE_URL) makes them exact.
"""

import functools
import hashlib
import ipaddress
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from intake import shared_cache
from intake.keys.callers import caller_of


class RateLimitedError(Exception):
    """Too much at once, so this try was not stored. Wait {seconds} seconds, then send it again."""

    def __init__(self, usage: "Usage") -> None:
        self.usage = usage
        super().__init__((type(self).__doc__ or "").format(seconds=usage.resets_in))

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.usage.resets_in), **self.usage.headers}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in each window of `seconds`."""

    name: str
    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Usage:
    limit: Limit
    used: int
    resets_in: int

    @property
    def headers(self) -> dict[str, str]:
        """The RateLimit fields of the IETF draft."""
        limit, left = self.limit, max(0, self.limit.most - self.used)
        return {
            "RateLimit-Policy": f'"{limit.name}";q={limit.most};w={limit.seconds}',
            "RateLimit": f'"{limit.name}";r={left};t={self.resets_in}',
        }


def requests() -> Limit:
    return Limit("requests", settings.RATE_LIMIT_REQUESTS, 300)


def keyed_requests() -> Limit:
    """Requests of one producer, with all its keys and from all addresses."""
    return Limit("keyed-requests", settings.RATE_LIMIT_KEY_REQUESTS, 300)


def signups() -> Limit:
    return Limit("signups", settings.RATE_LIMIT_SIGNUPS, 300)


def logins() -> Limit:
    """Tries of a password or a code by one client.

    Each costs a second of processor time.
    """
    return Limit("logins", settings.RATE_LIMIT_LOGINS, 300)


def mails() -> Limit:
    """Mails to one address from all clients, so that nobody can flood a mailbox through us."""
    return Limit("mails", settings.RATE_LIMIT_MAILS, 3600)


def spend(limit: Limit, who: str, amount: int = 1) -> Usage:
    """Count *amount* for *who*. Raises RateLimitedError above the limit."""
    window, passed = divmod(int(time.time()), limit.seconds)
    digest = hashlib.sha256(who.encode()).hexdigest()[:32]
    key = f"rate/{limit.name}/{window}/{digest}"
    used = shared_cache.count(key, limit.seconds, amount)
    usage = Usage(limit, used, resets_in=limit.seconds - passed)
    if used > limit.most:
        raise RateLimitedError(usage)
    return usage


_REMEMBERED = 24 * 3600  # seconds; no public form stays open longer


def spend_once(limit: Limit, who: str, request_id: str) -> None:
    """Like `spend`, but repetitions of a request are free and never refused.

    Raises RateLimitedError.
    """
    key = f"spent/{limit.name}/{request_id}"
    if shared_cache.claim(key, "being counted", _REMEMBERED):
        try:
            spend(limit, who)
        except RateLimitedError:
            shared_cache.drop(key)
            raise
        shared_cache.remember(key, "counted", _REMEMBERED)
    elif shared_cache.recall(key) != "counted":  # a repetition is being counted
        spend(limit, who, 0)


def counted_as(request: HttpRequest) -> tuple[Limit, str]:
    """The limit for *request*, and its client: the producer of a key, else the address."""
    caller = caller_of(request)
    if caller is None:
        return requests(), client_of(request)
    return keyed_requests(), f"producer {caller.producer}"


def client_of(request: HttpRequest) -> str:
    """The address of the client; of IPv6 the /64 network, which is one household.

    Only the last TRUSTED_PROXY_COUNT hops of X-Forwarded-For are trusted.
    """
    nearest = str(request.META.get("REMOTE_ADDR", ""))
    hops = [*request.META.get("HTTP_X_FORWARDED_FOR", "").split(","), nearest]
    trusted = min(settings.TRUSTED_PROXY_COUNT, len(hops) - 1)
    return _network(hops[-1 - trusted]) or _network(nearest) or nearest


def address_of(request: HttpRequest) -> str | None:
    """client_of as a single address, for a column of addresses; a network's first address."""
    return client_of(request).partition("/")[0] or None


@functools.lru_cache(maxsize=1024)
def _network(hop: str) -> str:
    """The address or network of *hop*; empty if it names none."""
    try:
        parsed = ipaddress.ip_address(_without_port(hop.strip(' \t"')))
    except ValueError:
        return ""
    if parsed.version == 4:
        return str(parsed)
    inner = _inner_ipv4(parsed)
    return str(inner or ipaddress.ip_network((int(parsed), 64), strict=False))


def _without_port(hop: str) -> str:
    """The address of `1.2.3.4:5555`, `[2001:db8::1]:443`, `[2001:db8::1]`, or *hop*."""
    if hop.startswith("["):
        address, _, rest = hop[1:].partition("]")
        return address if not rest or rest.startswith(":") else ""
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _inner_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside an IPv6 address, so that both count as one client."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
