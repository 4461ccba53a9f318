"""A post reaches the receiver that a setting names, and nothing else by it."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest

from processing.outbound import addresses, https, pinned
from processing.outbound.addresses import Place
from processing.outbound.errors import UndeliveredError
from tests.dlq_review.alerts.receiver import receiving
from tests.processing.sqs_server import self_signed

HERE = ["127.0.0.1"]
Talk = Callable[[socket.socket], None]


@contextmanager
def talking(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that speaks as *talk* does; its port."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                raw, _ = server.accept()
                with raw, suppress(OSError):
                    one = context.wrap_socket(raw, server_side=True) if context else raw
                    talk(one)

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def refused(url: str, private: list[str] = HERE) -> UndeliveredError:
    with pytest.raises(UndeliveredError) as found:
        https.post(url, b"{}", {}, private)
    return found.value


def test_a_post_carries_path_query_headers_and_the_login_of_the_url() -> None:
    with receiving() as receiver:
        url = receiver.url.replace("//", "//ada:p%40ss@") + "/a/b?c=d"
        https.post(url, b'{"x": 1}', {"webhook-id": "1"}, HERE)
    (call,) = receiver.calls
    assert (call.path, call.body) == ("/a/b?c=d", b'{"x": 1}')
    assert call.headers["Host"] == receiver.url.removeprefix("http://")
    assert call.headers["webhook-id"] == "1"
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["Authorization"] == "Basic YWRhOnBAc3M="


@pytest.mark.parametrize(
    "host",
    ["[2606:4700::1111]", "[2606:4700::abcd]", "x.example", "x.example:8080"],
)
def test_the_host_is_told_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Also an IPv6 address, whose last part is no port."""
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(addresses, "resolve", lambda *_: [])
    monkeypatch.setattr(pinned._Pinned, "_reached", lambda _: ours)
    url = f"http://{host}/a"
    with theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        https.post(url, b"{}", {}, [addresses.host_of(url)])
        assert f"\r\nHost: {host}\r\n" in theirs.recv(999).decode()


@pytest.mark.parametrize("dead_first", [True, False])
def test_one_address_of_the_host_that_is_alive_is_enough(
    monkeypatch: pytest.MonkeyPatch, dead_first: bool
) -> None:
    """As of a name with an IPv6 address, on a network without IPv6."""
    with receiving() as receiver:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            dead = Place(socket.AF_INET, nobody.getsockname())
        port = int(receiver.url.rpartition(":")[2])
        alive = Place(socket.AF_INET, ("127.0.0.1", port))
        places = [dead, alive] if dead_first else [alive, dead]
        monkeypatch.setattr(addresses, "resolve", lambda *_: places)
        https.post(receiver.url, b"{}", {}, HERE)
    assert len(receiver.calls) == 1


def test_a_redirect_is_not_followed() -> None:
    with receiving() as receiver:
        receiver.status = 307
        receiver.headers = {"Location": f"{receiver.url}/elsewhere"}
        error = refused(receiver.url)
    assert len(receiver.calls) == 1
    assert error.is_refusal
    assert "redirect" in str(error)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"no_service", "HTTP 404 no_service"),
        (b"<html>https://hooks.slack.com/services/secret</html>", "HTTP 404"),
        (b"x" * 100_000, "HTTP 404"),
        (b"\xff\xfe", "HTTP 404"),
        (b"", "HTTP 404"),
    ],
)
def test_no_more_than_a_word_of_a_refusal_is_told(answer: bytes, reason: str) -> None:
    with receiving() as receiver:
        receiver.status, receiver.answer = 404, answer
        assert str(refused(receiver.url)) == reason


def drip(one: socket.socket) -> None:
    """A byte now and then, for ever."""
    one.recv(10_000)
    one.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        one.sendall(b"X-A: b\r\n"[:1])


def slowly(one: socket.socket) -> None:
    one.recv(10_000)
    one.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while one.recv(1) == b"":
        return


def never_ending(one: socket.socket) -> None:
    one.recv(10_000)
    one.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\n")
    one.recv(1)


def refusing_for_ever(one: socket.socket) -> None:
    """The answer ends with the connection, so the client lets go of its socket before."""
    one.recv(10_000)
    one.sendall(b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n")
    for _ in range(40):
        one.sendall(b"x")
        sleep(0.05)


@pytest.mark.parametrize("talk", [drip, slowly, never_ending, refusing_for_ever])
def test_a_receiver_that_never_ends_is_left(
    monkeypatch: pytest.MonkeyPatch, talk: Talk
) -> None:
    monkeypatch.setattr(https, "WITHIN", 0.3)
    began = monotonic()
    with talking(talk) as port:
        error = refused(f"http://127.0.0.1:{port}/")
    assert monotonic() - began < https.WITHIN + 1
    assert not error.is_refusal


def saying_more_than_is_read(one: socket.socket) -> None:
    one.recv(10_000)
    one.sendall(b"HTTP/1.1 404 No\r\nConnection: close\r\n\r\n" + b"x" * 2_500)
    one.recv(1)


def test_nobody_waits_for_the_end_of_a_long_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(https, "WITHIN", 0.5)
    with talking(saying_more_than_is_read) as port:
        assert str(refused(f"http://127.0.0.1:{port}/")) == "HTTP 404"


def test_nothing_is_sent_behind_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """It passed while the connection was made, when there was nothing to cut."""
    connected = pinned._connected

    def late(place: Place) -> socket.socket:
        sleep(0.1)
        return connected(place)

    monkeypatch.setattr(https, "WITHIN", 0.05)
    monkeypatch.setattr(pinned, "_connected", late)
    with receiving() as receiver:
        assert str(refused(receiver.url)) == "TimeoutError"
    assert not receiver.calls


def test_a_receiver_that_hangs_in_the_handshake_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(https, "WITHIN", 0.3)
    with talking(lambda one: None if one.recv(1) else None) as port:
        assert not refused(f"https://127.0.0.1:{port}/").is_refusal


@pytest.mark.parametrize(
    "said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\x00" * 100]
)
def test_an_answer_that_is_none_is_tried_again(said: bytes) -> None:
    def talk(one: socket.socket) -> None:
        one.recv(10_000)
        one.sendall(said)

    with talking(talk) as port:
        assert not refused(f"http://127.0.0.1:{port}/").is_refusal


def test_a_name_is_resolved_once_so_that_it_cannot_lead_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: what is public when it is looked at is private a moment later."""
    asked: list[str] = []

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    with receiving() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        port = receiver.url.rpartition(":")[2]
        https.post(
            f"http://rebinding.example:{port}/", b"{}", {}, ["rebinding.example"]
        )
    assert asked == ["rebinding.example"]
    assert receiver.calls[0].headers["Host"] == f"rebinding.example:{port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "0", "2130706433"])
def test_this_machine_is_not_reached(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        error = refused(f"https://{host}:{port}/", private=[])
    assert receiver.calls == []
    assert "not public" in str(error) or "not known" in str(error)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "tls.pem"
    path.write_bytes(self_signed())
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_the_certificate_of_the_receiver_is_checked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    def talk(one: socket.socket) -> None:
        one.recv(10_000)
        one.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with talking(talk, server) as port:
        url = f"https://127.0.0.1:{port}/"
        if trusted:
            https.post(url, b"{}", {}, HERE)
        else:
            assert str(refused(url)) == "SSLCertVerificationError"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    assert str(refused(f"http://127.0.0.1:{port}/")) == "ConnectionRefusedError"
