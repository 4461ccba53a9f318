"""The web server as processes, with a site that tells what it was given."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processing.management.supervisor import die_with_parent
from tests.intake.web.site import LONG, MOST
from tests.live import PATIENCE, answers, free_port, wait_for


class Serving:
    """A web server of two threads in each process."""

    def __init__(
        self,
        folder: Path,
        workers: int = 1,
        host: str = "127.0.0.1",
        stop_seconds: str = "30",
        **environment: str,
    ) -> None:
        self.port = free_port()
        self.folder = folder
        self.log = folder / "log"
        command = [
            *(sys.executable, "-m", "tests.intake.web.site"),
            *("--workers", str(workers), "--threads", "2"),
            *("--bind", f"{host}:{self.port}"),
            *("--stop-seconds", stop_seconds),
        ]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env={
                    "PATH": os.environ["PATH"],
                    "ENV_FILE": os.devnull,
                    "SITE_FOLDER": str(folder),
                    **environment,
                },
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def wait(self) -> "Serving":
        wait_for(lambda: answers(self.port))
        self.get(b"pid")  # the socket is open before there is a process that answers
        return self

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, timeout=PATIENCE) as opened:
            yield opened

    def ask(self, *sent: bytes, torn: bool = False) -> bytes:
        """All that comes back until the server closes the connection."""
        with self.connection() as opened:
            for part in sent:
                opened.sendall(part)
            if torn:
                opened.shutdown(socket.SHUT_WR)
            return opened.makefile("rb").read()

    def get(self, path: bytes, *headers: bytes) -> bytes:
        lines = (b"GET /%b HTTP/1.1" % path, *HEAD, *headers)
        return self.ask(b"\r\n".join(lines) + b"\r\n\r\n")

    def children(self) -> list[int]:
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, check=False
        )
        return [int(pid) for pid in found.stdout.split()]


HEAD = (b"Host: shop.example.com", b"Connection: close")


def body_of(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer[:200]
    return body


def unchunked(body: bytes) -> bytes:
    parts, at = [], 0
    while at < len(body):
        end = body.index(b"\r\n", at)
        begin, size = end + 2, int(body[at:end], 16)
        parts.append(body[begin : begin + size])
        at = begin + size + 2
    return b"".join(parts)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("site"))
    yield serving.wait()
    serving.kill()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path)
    yield serving.wait()
    serving.kill()


def told(answer: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body_of(answer))
    return found


@pytest.mark.parametrize(
    ("headers", "name", "value"),
    [
        ([b"X-Forwarded-For: 1.2.3.4"], "HTTP_X_FORWARDED_FOR", "1.2.3.4"),
        ([b"X_Forwarded_For: 1.2.3.4"], "HTTP_X_FORWARDED_FOR", None),
        (
            [b"X-Forwarded-For: 1.2.3.4", b"X_FORWARDED-FOR: 6.6.6.6"],
            "HTTP_X_FORWARDED_FOR",
            "1.2.3.4",
        ),
        ([b"X-A: 1", b"x-a: 2"], "HTTP_X_A", "1,2"),
        ([b"Cookie: a=1", b"Cookie: b=2"], "HTTP_COOKIE", "a=1; b=2"),
        ([b"Content-Type: text/plain"], "CONTENT_TYPE", "text/plain"),
        ([b"Content-Type: text/plain"], "HTTP_CONTENT_TYPE", None),
        ([b"Idempotency-Key: caf\xe9"], "HTTP_IDEMPOTENCY_KEY", "\xef\xbf\xbd"),
        ([b"Idempotency-Key: caf\xc3\xa9"], "HTTP_IDEMPOTENCY_KEY", "\xef\xbf\xbd"),
        (
            [b"X-A: 1", b"X-A: 2", b"Idempotency-Key: caf\xe9"],
            "HTTP_IDEMPOTENCY_KEY",
            "\xef\xbf\xbd",
        ),
        ([b"X_A: \xe9"], "HTTP_X_A", None),
        ([b"SCRIPT_NAME: /shop"], "SCRIPT_NAME", ""),
        ([b"SCRIPT-NAME: /shop"], "SCRIPT_NAME", ""),
        ([b"Path-Info: /x"], "PATH_INFO", "/echo"),
        ([], "HTTP_HOST", "shop.example.com"),
        ([], "REMOTE_ADDR", "127.0.0.1"),
        ([], "CONTENT_LENGTH", "0"),
        ([], "QUERY_STRING", ""),
        ([], "SERVER_PROTOCOL", "HTTP/1.1"),
        ([], "wsgi.url_scheme", "http"),
    ],
)
def test_a_header_becomes(
    shared: Serving, headers: list[bytes], name: str, value: str | None
) -> None:
    assert told(shared.get(b"echo", *headers)).get(name) == value


def test_no_client_hides_its_address_from_a_proxy_that_appends_it(
    shared: Serving,
) -> None:
    answer = shared.get(b"echo", b"X-Forwarded-For: \xe9, 1.2.3.4")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"a%20b?x=%20&y=%2F", "/a b", "x=%20&y=%2F"),
        (b"caf%C3%A9", "/caf\xc3\xa9", ""),
        (b"%FF", "/\xef\xbf\xbd", ""),
        (b"/double//", "//double//", ""),
    ],
)
def test_a_target_becomes(
    shared: Serving, target: bytes, path: str, query: str
) -> None:
    found = told(shared.get(target))
    assert (found["PATH_INFO"], found["QUERY_STRING"]) == (path, query)
    assert found["SERVER_PORT"] == str(shared.port)


CHUNKED = b"Transfer-Encoding: chunked"
CUT = "BadRequest: The body was cut off or garbled."
TOO_BIG = "RequestDataTooBig: "
FEWER = "BadRequest: Send the body in fewer chunks."
AS_IT_IS = "BadRequest: Send a body as it is, or in chunks."


def of_length(length: int, sent: bytes) -> tuple[bytes, bytes]:
    return b"Content-Length: %d" % length, sent


def in_chunks(*chunks: bytes) -> tuple[bytes, bytes]:
    sent = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (*chunks, b""))
    return CHUNKED, sent


FULL = b"x" * MOST


@pytest.mark.parametrize(
    ("header", "sent", "taken"),
    [
        (*of_length(0, b""), ""),
        (*of_length(3, b"abc"), "abc"),
        (b"Content-Length: " + b"0" * 5000 + b"3", b"abc", "abc"),
        (*of_length(MOST, FULL), FULL.decode()),
        (*of_length(MOST + 1, FULL + b"x"), TOO_BIG),
        (*of_length(10 * MOST, FULL * 10), TOO_BIG),
        (*in_chunks(), ""),
        (*in_chunks(b"a", b"bc"), "abc"),
        (*in_chunks(FULL), FULL.decode()),
        (*in_chunks(FULL, b"x"), TOO_BIG),
        (*in_chunks(*[FULL] * 10), TOO_BIG),
        (*of_length(4, b"abc"), CUT),
        (CHUNKED, b"", CUT),
        (CHUNKED, b"5\r\nab", CUT),
        (CHUNKED, b"zz\r\n", CUT),
        (CHUNKED, b"2\r\nab\r\n", CUT),
        (CHUNKED, b"2\r\nabxx", CUT),
        (b"Transfer-Encoding: gzip, chunked", b"0\r\n\r\n", AS_IT_IS),
        (b"Transfer-Encoding: \xe9\r\n" + CHUNKED, in_chunks(b"abc")[1], AS_IT_IS),
        (b"Transfer-Encoding: Chunked", in_chunks(b"abc")[1], "abc"),
        (*in_chunks(*[b"x"] * 300), "x" * 300),
        (*in_chunks(*[b"x"] * 600), FEWER),
    ],
)
def test_a_body_is_taken_whole_or_refused(
    shared: Serving, header: bytes, sent: bytes, taken: str
) -> None:
    lines = (b"POST /echo HTTP/1.1", *HEAD, header)
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    assert told(shared.ask(head + sent, torn=taken == CUT))["body"] == taken


def test_a_body_that_does_not_come_is_given_up(shared: Serving) -> None:
    lines = (b"POST /echo HTTP/1.1", *HEAD, b"Content-Length: 3")
    answer = shared.ask(b"\r\n".join(lines) + b"\r\n\r\nab")
    assert told(answer)["body"] == (
        "BadRequest: The body did not arrive within 1 seconds."
    )


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", b"400"),
        (b"GET / HTTP/1.1\r\nX-A: 1\r\n folded", b"400"),
        (b"GET / HTTP/1.1\r\nX-A: 1\x002", b"400"),
        (b"GET / HTTP/1.1\r\nX-A : 1", b"400"),
        (b"GET /\xff HTTP/1.1", b"400"),
        (b"no request", b"400"),
        (b"GET / HTTP/1.1" + b"\r\nX-A: 1" * 200, b"431"),
    ],
)
def test_what_is_no_request_is_refused_at_once(
    shared: Serving, line: bytes, status: bytes
) -> None:
    with shared.connection() as opened:
        opened.sendall(line + b"\r\nHost: shop.example.com\r\n\r\n")
        assert opened.recv(12) == b"HTTP/1.1 " + status


def test_a_head_without_an_end_is_not_read_for_ever(shared: Serving) -> None:
    with shared.connection() as opened:
        opened.sendall(b"GET / HTTP/1.1\r\nX-A: ")
        with pytest.raises(ConnectionError):
            for _ in range(200):
                opened.sendall(b"a" * 100_000)


def test_a_body_with_two_ends_begins_no_second_request(shared: Serving) -> None:
    """`Transfer-Encoding` wins, and what follows is not read as a request."""
    lines = (b"POST /echo HTTP/1.1", HEAD[0], b"Content-Length: 4", CHUNKED)
    hidden = b"GET /pid HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = shared.ask(b"\r\n".join(lines) + b"\r\n\r\n0\r\n\r\n" + hidden)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert told(answer)["body"] == ""


def test_a_refused_body_costs_the_next_request_nothing(shared: Serving) -> None:
    with shared.connection() as opened:
        large = b"POST /pid HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % MOST
        opened.sendall(large + FULL)
        first = opened.recv(65536)
        opened.sendall(b"GET /pid HTTP/1.1\r\n" + b"\r\n".join(HEAD) + b"\r\n\r\n")
        second = opened.makefile("rb").read()
    assert body_of(first) == body_of(second)


def test_a_long_response_comes_whole_and_in_order(started: Serving) -> None:
    answer = started.get(b"long")
    assert b"\r\nx-one: 1\r\nx-one: 2\r\n" in answer
    assert unchunked(body_of(answer)) == b"".join(LONG)
    wait_for((started.folder / "closed").exists)


def test_a_client_that_leaves_ends_a_long_response(started: Serving) -> None:
    with started.connection() as opened:
        opened.sendall(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        assert opened.recv(100)
    wait_for((started.folder / "closed").exists)
    assert "Traceback" not in started.log.read_text()
    assert started.get(b"pid").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("page", "said"),
    [(b"broken", "ValueError: this page is broken"), (b"exit", "SystemExit")],
)
def test_an_error_of_the_application_is_logged_and_answered(
    started: Serving, page: bytes, said: str
) -> None:
    for _ in range(4):  # more than there are threads
        assert started.get(page).startswith(b"HTTP/1.1 500 ")
    assert started.get(b"pid").startswith(b"HTTP/1.1 200 ")
    assert said in started.log.read_text()


@contextmanager
def one_inside(serving: Serving) -> Iterator[socket.socket]:
    """The connection of a request that has begun and is not answered."""
    with serving.connection() as opened:
        opened.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        wait_for((serving.folder / "inside").exists)
        yield opened


def test_threads_answer_beside_one_that_waits(started: Serving) -> None:
    with one_inside(started) as waits:
        pid = body_of(started.get(b"pid"))
        (started.folder / "go").touch()
        assert body_of(waits.makefile("rb").read()) == pid


def test_sigterm_lets_a_request_end_and_leaves_nothing(started: Serving) -> None:
    with one_inside(started) as waits:
        pids = started.children()
        started.process.terminate()
        wait_for(lambda: "Stopping worker-1" in started.log.read_text())
        (started.folder / "go").touch()
        assert body_of(waits.makefile("rb").read()) == b"%d" % pids[0]
    assert started.process.wait(PATIENCE) == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_after_sigterm_a_request_has_so_many_seconds_to_end(tmp_path: Path) -> None:
    serving = Serving(tmp_path, stop_seconds="1").wait()
    try:
        with one_inside(serving) as waits:
            serving.process.terminate()
            assert serving.process.wait(15) == 0
            assert waits.makefile("rb").read() == b""
    finally:
        serving.kill()


def test_a_reload_takes_a_new_process_and_lets_a_request_end(started: Serving) -> None:
    (old,) = started.children()
    with one_inside(started) as waits:
        started.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(started.children()) == 2)
        (started.folder / "go").touch()
        assert body_of(waits.makefile("rb").read()) == b"%d" % old
    wait_for(lambda: len(started.children()) == 1)
    assert body_of(started.get(b"pid")) == b"%d" % started.children()[0] != b"%d" % old


def test_no_process_outlives_a_parent_that_is_killed(started: Serving) -> None:
    (pid,) = started.children()
    started.process.kill()
    started.process.wait(PATIENCE)
    wait_for(lambda: not Path(f"/proc/{pid}/status").exists())


def test_a_process_that_ends_is_replaced(started: Serving) -> None:
    (old,) = started.children()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: (found := started.children()) and found != [old])
    wait_for(lambda: answers(started.port))
    assert body_of(started.get(b"pid")) == b"%d" % started.children()[0]


def test_sigterm_ends_a_server_that_is_still_starting(tmp_path: Path) -> None:
    (tmp_path / "slow-start").touch()
    serving = Serving(tmp_path)
    try:
        wait_for((tmp_path / "starting").exists)
        serving.process.terminate()
        assert serving.process.wait(10) == 0
    finally:
        serving.kill()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "tests.intake.web.site", "--bind", address],
            env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert f"Cannot serve at {address}: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--bind=8000x", "write HOST:PORT"),
        ("--bind=127.0.0.1", "write HOST:PORT"),
        ("--bind=127.0.0.1:99999", "Cannot serve at 127.0.0.1:99999"),
        ("--bind=nowhere.invalid:8000", "Cannot serve at nowhere.invalid:8000"),
        ("--workers=0", "write 1 or more"),
        ("--threads=none", "write 1 or more"),
    ],
)
def test_a_wrong_option_is_named(option: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "intake.web", option],
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_the_address_of_all_ipv6_takes_ipv4_too(tmp_path: Path) -> None:
    port = str(free_port())
    serving = Serving(tmp_path, host="[::]", METRICS_HOST="::", METRICS_PORT=port)
    try:
        assert told(serving.wait().get(b"echo"))["REMOTE_ADDR"] == "::ffff:127.0.0.1"
        assert answers(int(port))
        address = ("::1", serving.port)
        with socket.create_connection(address, timeout=PATIENCE) as opened:
            opened.sendall(b"GET /echo HTTP/1.1\r\n" + b"\r\n".join(HEAD) + b"\r\n\r\n")
            found = told(opened.makefile("rb").read())
        assert found["REMOTE_ADDR"] == "::1"
    finally:
        serving.kill()


def test_a_taken_port_of_the_metrics_is_logged_and_the_site_serves(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        serving = Serving(tmp_path, METRICS_PORT=str(other.getsockname()[1]))
        try:
            serving.wait()
            assert re.search(r"metrics_port=\d+ not_served=", serving.log.read_text())
        finally:
            serving.kill()
