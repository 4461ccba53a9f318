"""What a client that is slow costs the web server: neither a thread nor much memory."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.intake.web.site import ENDLESS, LONG, MOST
from tests.intake.web.test_server import HEAD, Serving, body_of, unchunked
from tests.live import PATIENCE, wait_for

Start = Callable[..., Serving]
END = b"\r\n".join(HEAD) + b"\r\n\r\n"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(**environment: str) -> Serving:
            serving = Serving(tmp_path, 1, **environment)
            stack.callback(serving.kill)
            return serving.wait()

        yield started


@contextmanager
def unread(serving: Serving, path: bytes) -> Iterator[socket.socket]:
    """The connection of a client that has read nothing yet, and has little room."""
    with socket.socket() as opened:
        opened.settimeout(PATIENCE)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect(("127.0.0.1", serving.port))
        opened.sendall(b"GET /%b HTTP/1.1\r\n" % path + END)
        yield opened


def made(serving: Serving) -> int:
    """The bytes of the endless page so far."""
    file = serving.folder / "made"
    return 50_000 * file.stat().st_size if file.exists() else 0


def waits(serving: Serving) -> bool:
    """Nothing was made for half a second."""
    file = serving.folder / "made"
    return file.exists() and time.time() - file.stat().st_mtime > 0.5


def test_a_long_response_waits_for_its_client_and_comes_whole(start: Start) -> None:
    serving = start()
    with unread(serving, b"endless") as opened:
        wait_for(lambda: waits(serving))
        assert made(serving) < ENDLESS / 2
        whole = unchunked(body_of(opened.makefile("rb").read()))
    assert len(whole) == made(serving) == ENDLESS


def test_a_long_response_that_is_read_slowly_outlives_a_sigterm(start: Start) -> None:
    serving = start()
    with unread(serving, b"long") as opened:
        assert opened.recv(1) == b"H"
        serving.process.terminate()
        wait_for(lambda: "Stopping worker-1" in serving.log.read_text())
        whole = unchunked(body_of(b"H" + opened.makefile("rb").read()))
    assert whole == b"".join(LONG)
    assert serving.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("page", [b"long", b"endless", b"file"])
def test_the_head_of_a_long_response_is_all_that_head_gets(
    start: Start, page: bytes
) -> None:
    serving = start()
    (serving.folder / "file").write_bytes(b"".join(LONG))
    for _ in range(3):  # more than there are threads
        answer = serving.ask(b"HEAD /%b HTTP/1.1\r\n" % page + END)
        assert body_of(answer) == b""
    assert body_of(serving.get(b"pid"))


def test_a_large_file_is_sent_whole_and_holds_no_thread(start: Start) -> None:
    serving = start()
    (serving.folder / "file").write_bytes(b"x" * ENDLESS)
    pid = int(body_of(serving.get(b"pid")))
    before = memory(pid)
    with ExitStack() as stack:
        clients = [stack.enter_context(unread(serving, b"file")) for _ in range(4)]
        assert body_of(serving.get(b"pid"))
        assert memory(pid) - before < ENDLESS
        whole = unchunked(body_of(clients[0].makefile("rb").read()))
    assert len(whole) == ENDLESS
    assert b"x-one: 1\r\nx-one: 2\r\n" in serving.get(b"file", b"Range: bytes=9-")[:200]


def memory(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return 1024 * int(found[1])


def test_a_client_that_takes_nothing_loses_its_connection(start: Start) -> None:
    serving = start(STALLED_MS="2000")
    with unread(serving, b"endless"), unread(serving, b"endless"):
        wait_for(lambda: waits(serving))
        assert body_of(serving.get(b"pid"))  # when a thread is free again


CONTENT = b"POST /echo HTTP/1.1\r\nContent-Length: %d\r\n"


def test_large_bodies_take_no_more_memory_than_is_set_aside(start: Start) -> None:
    """The site sets aside as much as one and a half of the largest bodies."""
    serving = start(PATIENCE="30")
    large, small = CONTENT % MOST, CONTENT % 4
    with serving.connection() as waits:
        waits.sendall(large + END + b"x" * (MOST - 1))
        wait_for(lambda: refused(serving.ask(large + END + b"x" * MOST)))
        assert b'"body": "tiny"' in serving.ask(small + END + b"tiny")
        chunked = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        sent = b"%x\r\n%b\r\n0\r\n\r\n" % (MOST, b"x" * MOST)
        assert refused(serving.ask(chunked + END + sent))
        waits.sendall(b"x")
        assert b"x" * MOST in waits.makefile("rb").read()
    wait_for(lambda: b"x" * MOST in serving.ask(large + END + b"x" * MOST))


def refused(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 503 ") and b"\r\nretry-after: 1\r\n" in answer
