"""The memory that large bodies have together is given back, however a request ends."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.intake.web.site import MOST
from tests.intake.web.test_server import HEAD, Serving, told
from tests.live import wait_for

FULL = b"x" * MOST
CONTENT = b"Content-Length: %d"
CHUNKED = b"Transfer-Encoding: chunked"
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """It sets aside as much as one and a half of the largest bodies."""
    folder: Path = tmp_path_factory.mktemp("site")
    serving = Serving(folder)
    yield serving.wait()
    serving.kill()


def request(page: bytes, header: bytes, sent: bytes) -> bytes:
    lines = (b"POST /%b HTTP/1.1" % page, *HEAD, header)
    return b"\r\n".join(lines) + b"\r\n\r\n" + sent


ENDS = {
    "taken": request(b"echo", CONTENT % MOST, FULL),
    "not read": request(b"pid", CONTENT % MOST, FULL),
    "failed": request(b"broken", CONTENT % MOST, FULL),
    "too large": request(b"echo", CONTENT % (2 * MOST), 2 * FULL),
    "cut off": request(b"echo", CONTENT % MOST, FULL[1:]),
    "cut off in a chunk": request(b"echo", CHUNKED, b"%x\r\n%b" % (MOST, FULL[1:])),
    "garbled": request(b"echo", CHUNKED, b"%x\r\n%b\r\nzz\r\n" % (MOST, FULL)),
}


@pytest.mark.parametrize("leaves", ["reads", "closes", "resets", "waits"])
@pytest.mark.parametrize("end", ENDS)
def test_what_a_body_took_is_given_back(
    serving: Serving, end: str, leaves: str
) -> None:
    for _ in range(2):  # either would leave too little for one more
        with serving.connection() as opened:
            opened.sendall(ENDS[end])
            if leaves == "reads":
                opened.shutdown(socket.SHUT_WR)
            if leaves == "resets":
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            if leaves in ("reads", "waits"):  # for the time of one body
                opened.makefile("rb").read()
    wait_for(lambda: serving.ask(ENDS["taken"]).startswith(b"HTTP/1.1 200 "))
    assert told(serving.ask(ENDS["taken"]))["body"] == FULL.decode()
