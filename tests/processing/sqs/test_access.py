"""boto3, curl where somebody waits, and a worker's event loop reach SQS alike."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection, socket
from time import monotonic
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError
from kombu.asynchronous import Hub
from pytest_django import Settings

from processing.sqs import publisher, queues
from processing.sqs.refusals import SendError
from processing.worker.receive_connection import NO_ANSWER
from processing.worker.transport import Channel
from tests.processing.sqs_server import Server, self_signed, serving

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated; use")  # kombu


def by_boto3(channel: Channel) -> bool:
    try:
        queues.receive("orders")
    except BotoCoreError:
        return False
    return True


def by_quick_sqs(channel: Channel) -> bool:
    try:
        queues.ping()
    except BotoCoreError:
        return False
    return True


def by_the_event_loop(channel: Channel) -> bool:
    channel.hub = Hub()
    answers: list[Any] = []
    Channel.asynsqs(channel, "orders").receive_message(
        queues.url("orders"), number=10, visibility=60, wait=0, callback=answers.append
    )
    loop = channel.hub.create_loop()
    end = monotonic() + 20
    while not answers:
        assert monotonic() < end
        channel.hub.call_later(0.01, lambda: None)
        next(loop)
    channel.hub.close()
    return answers[0] is not NO_ANSWER


Way = Callable[[Channel], bool]
WAYS = (by_boto3, by_quick_sqs, by_the_event_loop)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@pytest.fixture(autouse=True)
def once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test is a process of its own, as far as the environment goes."""
    settings.SQS_WAIT_SECONDS = 1
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    publisher.forget()
    yield
    publisher.forget()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file = tmp_path / "certificate.pem"
    file.write_bytes(self_signed())
    return file


@pytest.fixture
def secret(certificate: Path, settings: Settings) -> Iterator[Server]:
    """An SQS by TLS, whose certificate no authority signed."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(tls) as server:
        settings.SQS_ENDPOINT_URL = f"https://127.0.0.1:{server.port}"
        server.body = b"{}"
        yield server


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_that_the_environment_names_counts(
    channel: Channel,
    secret: Server,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Way,
    name: str,
) -> None:
    monkeypatch.setenv(name, str(certificate))
    assert way(channel)
    assert secret.asked


def test_a_certificate_of_nobody_is_refused(
    channel: Channel,
    secret: Server,
    way: Way,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not way(channel)
    assert not secret.asked


def test_curl_says_that_it_was_the_certificate(
    channel: Channel, secret: Server, caplog: pytest.LogCaptureFixture
) -> None:
    assert not by_the_event_loop(channel)
    with pytest.raises(SendError):
        publisher.send_raw("orders", "{}")
    polled, sent = caplog.text.splitlines()
    assert "queue=orders call=ReceiveMessage failed=HTTPClientError" in polled
    assert "queue=orders call=SendMessage failed=HTTPClientError" in sent
    assert all("certificate" in line for line in (polled, sent))


@contextmanager
def proxying(tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[str]]]:
    """A proxy's address, and what it was asked to reach."""
    reached: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:  # noqa: N802
            reached.append(self.path)
            host, _, port = self.path.rpartition(":")
            with create_connection((host, int(port))) as goal:
                self.send_response(200)
                self.end_headers()
                self.wfile.flush()
                back = threading.Thread(
                    target=copy, args=(goal, self.connection), daemon=True
                )
                back.start()
                copy(self.connection, goal)
                back.join()
            self.close_connection = True

        def do_POST(self) -> None:  # noqa: N802
            reached.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False
        scheme = "http"
        if tls is not None:
            scheme = "https"
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"{scheme}://127.0.0.1:{http.server_port}", reached
        finally:
            http.shutdown()


def copy(one: socket, other: socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(1)
    except OSError:
        pass


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_that_the_environment_names_is_taken(
    channel: Channel,
    secret: Server,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Way,
    name: str,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with proxying() as (address, reached):
        monkeypatch.setenv(name, address)
        assert way(channel)
    assert reached == [f"127.0.0.1:{secret.port}"]


@pytest.mark.parametrize("way", [by_quick_sqs, by_the_event_loop])
@pytest.mark.parametrize("is_trusted", [True, False])
def test_curl_trusts_a_proxy_by_the_same_authorities_as_sqs(
    channel: Channel,
    settings: Settings,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Way,
    is_trusted: bool,
) -> None:
    settings.SQS_ENDPOINT_URL = "http://sqs.example:1"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    if is_trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with proxying(tls) as (address, reached):
        monkeypatch.setenv("HTTP_PROXY", address)
        assert way(channel) is is_trusted
    assert bool(reached) is is_trusted


def test_a_proxy_is_taken_without_tls_too(
    channel: Channel, settings: Settings, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    settings.SQS_ENDPOINT_URL = "http://sqs.example:1"
    with proxying() as (address, reached):
        monkeypatch.setenv("HTTP_PROXY", address)
        assert way(channel)
    assert reached == ["http://sqs.example:1/"]


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_is_taken_to_what_the_environment_excepts(
    channel: Channel,
    secret: Server,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Way,
    name: str,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(name, "127.0.0.1")
    assert way(channel)


def test_what_only_curl_would_take_for_a_proxy_is_none(
    channel: Channel,
    secret: Server,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Way,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert way(channel)
