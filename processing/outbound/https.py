"""Post to a URL that a setting names, and reach nothing else by it.

https only, no private address unless its host is allowed, no redirect, no proxy, a few
seconds in all, and no more than a word of the answer.
"""

import base64
import http.client
import re
from collections.abc import Collection, Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from processing.outbound import addresses, pinned
from processing.outbound.errors import PrivateAddressError, UndeliveredError

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
    try:
        places = addresses.resolve(parts, private)
    except PrivateAddressError as error:
        allow = "ALERT_PRIVATE_HOSTS may allow it"
        raise UndeliveredError(f"{error}; {allow}", is_refusal=True) from None
    try:
        with pinned.connection(parts, places, WITHIN) as connection:
            target = pinned.target(parts)
            connection.request("POST", target, body, _all(headers, parts))
            with connection.getresponse() as answer:
                said = b"" if answer.status < 300 else answer.read(MOST_READ)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UndeliveredError(type(error).__name__) from None
    _judge(answer, said)


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
