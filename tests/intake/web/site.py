"""A site for the web server's tests; `python -m tests.intake.web.site --bind ...` serves it."""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings

MOST = 1000  # bytes of a body
LONG = [b"%06d\n" % number * 1000 for number in range(300)]  # 2.1 MB in parts
ENDLESS = 30_000_000  # bytes
FOLDER = Path(os.environ.get("SITE_FOLDER", "."))
Environ = dict[str, Any]


def echo(environ: Environ) -> Iterable[bytes]:
    """What the server made of the request."""
    try:
        body = environ["wsgi.input"].read()
        if len(body) != int(environ["CONTENT_LENGTH"]):
            body = b"another length"
    except Exception as error:
        body = f"{type(error).__name__}: {error}".encode()
    texts = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps({**texts, "body": body.decode()}).encode()]


def slow(environ: Environ) -> Iterable[bytes]:
    """Answers when there is a file."""
    (FOLDER / "inside").touch()
    while not (FOLDER / "go").exists():
        time.sleep(0.01)
    return [b"%d" % os.getpid()]


class Long:
    """Notes that it was closed."""

    def __iter__(self) -> Iterator[bytes]:
        yield from LONG

    def close(self) -> None:
        (FOLDER / "closed").touch()


def late(environ: Environ) -> Iterator[bytes]:
    """Begins a long response when there is a file."""
    slow(environ)
    yield from LONG


def halfway(environ: Environ) -> Iterator[bytes]:
    yield from LONG[:200]
    raise ValueError("the rest is not to be had")


def endless(environ: Environ) -> Iterator[bytes]:
    """Notes how much was made."""
    part = b"x" * 50_000
    with (FOLDER / "made").open("wb") as made:
        for _ in range(ENDLESS // len(part)):
            made.write(b".")
            made.flush()
            yield part


def file(environ: Environ) -> Iterable[bytes]:
    found: Iterable[bytes] = environ["wsgi.file_wrapper"]((FOLDER / "file").open("rb"))
    return found


def held(_: Environ) -> Iterable[bytes]:
    """How many small bodies this process holds."""
    gc.collect()
    found = [one for one in gc.get_objects() if isinstance(one, bodies.Arriving)]
    return [b"%d" % len(found)]


def leave(_: Environ) -> NoReturn:
    raise SystemExit


def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
    page = environ["PATH_INFO"].split("/")[1]
    if page == "broken":
        raise ValueError("this page is broken")
    pages: dict[str, Callable[[Environ], Iterable[bytes]]] = {
        "slow": slow,
        "long": lambda _: Long(),
        "pid": lambda _: [b"%d" % os.getpid()],
        "endless": endless,
        "halfway": halfway,
        "late": late,
        "file": file,
        "exit": leave,
        "held": held,
    }
    status = HTTPStatus.OK
    start_response(f"{status} OK", [("X-One", "1"), ("X-One", "2")])
    return pages.get(page, echo)(environ)


def serve() -> None:
    """In the parent: nothing of the site is imported there by the server."""
    from intake.web import __main__

    __main__.STALLED_MS = int(os.environ.get("STALLED_MS", "60000"))
    __main__.main("tests.intake.web.site")


if __name__ == "__main__":
    serve()
elif not settings.configured and os.environ.get("SITE_FOLDER"):
    from intake.web import bodies, bridge, responses

    settings.configure(DATA_UPLOAD_MAX_MEMORY_SIZE=MOST)
    bodies.PATIENCE = int(os.environ.get("PATIENCE", "1"))
    bodies.MOST_PARTS, bodies.SMALL = 500, MOST // 2
    responses.OPENING = 60  # no test waits as long
    bodies.LARGE_AT_ONCE = 3 * MOST // 2
    if "NO_LOOP" in os.environ:
        bridge.Bridge.__rsgi__ = None  # type: ignore[assignment,method-assign]
    while (FOLDER / "slow-start").exists():
        (FOLDER / "starting").touch()
        time.sleep(0.01)
    sys.stderr.write("site ready\n")
