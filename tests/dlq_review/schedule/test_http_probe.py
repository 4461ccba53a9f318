"""A probe reaches nothing that only this machine can reach, and never waits for long."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from pytest_django import Settings

from dlq_review.schedule import http_probe
from dlq_review.schedule.http_probe import ProbeError, check, status_of


class Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.server.agent = self.headers["User-Agent"]  # type: ignore[attr-defined]
        if self.path == "/drips":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.server.over.wait(0.01):  # type: ignore[attr-defined]
                self.wfile.write(b"x: y\r\n")
            return
        if self.path == "/babbles":
            self.wfile.write(b"220 mail.example.com ESMTP\r\n")
            return
        if self.path == "/hangs":
            self.server.over.wait(9)  # type: ignore[attr-defined]
            return
        self.send_response(int(self.path.rpartition("/")[2].partition("?")[0]))
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server(settings: Settings) -> Iterator[Any]:
    found: Any = HTTPServer(("127.0.0.1", 0), Handler)
    found.asked, found.over = [], Event()
    found.url = f"http://127.0.0.1:{found.server_port}"
    settings.PROBE_PRIVATE_HOSTS = ["127.0.0.1"]
    thread = Thread(target=found.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.over.set()
    found.shutdown()
    found.server_close()


@pytest.mark.parametrize("status", [200, 204, 302, 404, 503])
def test_the_status_is_read_and_no_redirect_followed(server: Any, status: int) -> None:
    assert status_of(f"{server.url}/a/{status}?b=c") == status
    assert server.asked == [f"/a/{status}?b=c"]
    assert server.agent == "Holdfast-probe"


def test_whoever_hangs_or_drips_is_given_up(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_probe, "DEADLINE", 0.1)
    for path in ("hangs", "drips"):
        with pytest.raises(ProbeError, match="TimeoutError"):
            status_of(f"{server.url}/{path}")
        server.over.set()
        server.over = Event()


def test_what_speaks_no_http_gives_no_answer(server: Any) -> None:
    with pytest.raises(ProbeError, match="BadStatusLine"):
        status_of(f"{server.url}/babbles")


def test_a_server_without_tls_or_without_a_listener_is_no_answer(server: Any) -> None:
    with pytest.raises(ProbeError, match="TLS failed"):
        status_of(server.url.replace("http:", "https:"))
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(ProbeError, match="ConnectionRefusedError"):
        status_of(f"http://127.0.0.1:{port}/")
    with pytest.raises(ProbeError, match="The name of the host is not known"):
        status_of("https://nobody.invalid/")


PRIVATE = [
    "127.0.0.1",
    "10.0.0.7",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104
    "224.0.1.1",
    "255.255.255.255",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:10.0.0.7",
    "2002:a00:7::",
    "64:ff9b::a00:7",
    "64:ff9b::7f00:1",
    "2001::1",
    "::a00:7",
    "64:ff9b:1::a00:7",
    "fec0::1",
    "::ffff:169.254.169.254",
]
PUBLIC = "93.184.216.34"


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_never_asked(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Neither written down nor behind a name."""
    bracketed = f"[{address}]" if ":" in address else address
    with pytest.raises(ProbeError, match="private"):
        check(f"https://{bracketed}/")
    found = [(None, None, None, None, (one, 443)) for one in (PUBLIC, address)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ProbeError, match="private"):
        status_of("https://public.example/")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "Write a URL"),
        ("status", "Write a URL"),
        ("https:///x", "Write a URL"),
        ("ftp://x.example/", "Write a URL"),
        ("file:///etc/passwd", "Write a URL"),
        ("https://x.example:0/", "Write a URL"),
        ("https://x.example:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("http://x.example/", "Only https"),
        ("https://ada:secret@x.example/", "shown to all staff"),
        ("https://ada@x.example/", "shown to all staff"),
        ("https://:secret@x.example/", "shown to all staff"),
        ("https://@x.example/", "shown to all staff"),
        ("https://x.example/\r\nHost: y", "visible ASCII"),
        ("https://x.example/a b", "visible ASCII"),
        ("https://x.example/\ta", "visible ASCII"),
        ("https://x.example/\x7f", "visible ASCII"),
        ("https://\u00fc.example/", "visible ASCII"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str, said: str) -> None:
    for ask in (check, status_of):
        with pytest.raises(ProbeError, match=said):
            ask(url)


@pytest.mark.parametrize(
    "url", ["https://x.example", "https://x.example:8443/a?b=c", "https://8.8.8.8/"]
)
def test_a_public_url_is_taken(url: str) -> None:
    check(url)


def test_the_settings_name_hosts_that_may_be_private_and_without_tls(
    settings: Settings,
) -> None:
    settings.PROBE_PRIVATE_HOSTS = ["Status.internal", "10.0.0.7"]
    for url in ("http://status.internal/", "http://10.0.0.7:8000/health"):
        check(url)
    with pytest.raises(ProbeError):
        check("http://10.0.0.8/")
