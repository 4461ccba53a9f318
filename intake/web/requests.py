"""Make a WSGI environment (PEP 3333) of a request of granian's RSGI."""

import sys
from typing import Any

from intake.web.bodies import Body
from intake.web.responses import File

_SAME_FOR_ALL = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "wsgi.file_wrapper": File,
}
#: What a header is called in the environment, and "" for one that is left out. A name with
#: `_` is left out, or `X_Forwarded_For` would pass for the header of a proxy. The body has
#: been read, so its length is known. A file goes out whole, which granian does (responses.py).
_names = {
    "content-type": "CONTENT_TYPE",
    "content-length": "",
    "transfer-encoding": "",
    "range": "",
}
_MOST_NAMES = 1000  # that are remembered; clients choose them
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class UnreadableError(Exception):
    """X-Forwarded-For is not ASCII.

    A proxy appends the address of the client to what the client itself sent. Whoever could
    make that unreadable would pass for the proxy.
    """


def environ_of(scope: Any, body: Body) -> dict[str, Any]:
    """Raises UnreadableError."""
    server, _, port = scope.server.rpartition(":")
    found = {
        **_SAME_FOR_ALL,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": _as_bytes(scope.path),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body.stream,
        "CONTENT_LENGTH": str(body.length),
    }
    headers = scope.headers
    pairs = headers.items()
    for header, value in pairs:
        name = _named(header)
        if not name:
            continue
        if name in found:
            found[name] += ("; " if header == "cookie" else ",") + _as_bytes(value)
        else:
            found[name] = _as_bytes(value)
    # granian names a header whose value is not ASCII, and leaves it out of the pairs.
    for header in set(headers.keys()).difference(header for header, _ in pairs):
        if header == "x-forwarded-for":
            raise UnreadableError
        if name := _named(header):
            found[name] = _as_bytes(_UNREADABLE)
    return found


def _named(header: str) -> str:
    name = _names.get(header)
    if name is None:
        name = "" if "_" in header else f"HTTP_{header.upper().replace('-', '_')}"
        if len(_names) < _MOST_NAMES:
            _names[header] = name
    return name


def _as_bytes(text: str) -> str:
    """*text* as PEP 3333 wants it: a character for each byte."""
    return text if text.isascii() else text.encode().decode("latin-1")
