"""The calls through curl, against a server that answers as a test tells it to."""

import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from processing import quick_sqs
from processing.quick_sqs import QuickSQS

CALL: dict[str, Any] = {
    "QueueUrl": "https://sqs/1/orders",
    "Entries": [{"Id": "0", "MessageBody": "Grüße, 東京"}],
}


@dataclass
class Server:
    """Answers every request alike, and keeps what it was asked."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"Successful": [{"Id": "0", "MessageId": "m-0"}]}'
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer leaves in one piece

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            server.asked.append((headers, body))
            server.connections.add(self.client_address)
            self.send_response(server.status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        if tls is not None:
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        server.port = http.server_port
        threading.Thread(target=http.serve_forever, args=(0.01,)).start()
        yield server
        http.shutdown()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


def credentials(monkeypatch: pytest.MonkeyPatch, **known: str) -> None:
    """What the environment says who we are, and nothing else on this machine does."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name, value in known.items():
        monkeypatch.setenv(f"AWS_{name}", value)


def of_amazon(server: Server) -> QuickSQS:
    """One with real credentials, whose Amazon is *server*."""
    return QuickSQS(server.url, "eu-west-1")


def signature(headers: dict[str, str], body: bytes, keys: Credentials) -> str:
    """The Authorization that botocore gives the same request at the same time."""
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    request = AWSRequest("POST", f"http://{headers['host']}/", data=body)
    for name in signed.split(";"):
        if name != "host":
            request.headers[name] = headers[name]
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(keys, "sqs", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


@pytest.mark.parametrize("token", [None, "a/temporary+token=="])
def test_a_call_is_signed_as_botocore_signs_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    known = {"ACCESS_KEY_ID": "AKIA1", "SECRET_ACCESS_KEY": "se:cr/et+"}
    credentials(monkeypatch, **known, **({"SESSION_TOKEN": token} if token else {}))
    sqs = of_amazon(server)
    answer = sqs.send_message_batch(**CALL)
    assert answer["Successful"] == [{"Id": "0", "MessageId": "m-0"}]
    ((headers, body),) = server.asked
    assert json.loads(body) == CALL
    assert headers["x-amz-target"] == "AmazonSQS.SendMessageBatch"
    assert headers.get("x-amz-security-token") == token
    assert "AKIA1/" in headers["authorization"]
    assert ("x-amz-security-token" in headers["authorization"]) == bool(token)
    keys = Credentials("AKIA1", "se:cr/et+", token)
    found = headers["authorization"].partition("Signature=")[2]
    assert found == signature(headers, body, keys)


def test_without_credentials_nothing_is_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch)
    with pytest.raises(NoCredentialsError):
        of_amazon(server).send_message(MessageBody="x")
    assert not server.asked


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (400, {}, b'{"__type": "com.amazonaws.sqs#InvalidMessageContents"}', None),
        (
            400,
            {"x-amzn-query-error": "InvalidParameterValue;Sender"},
            b'{"__type": "com.amazon.coral.service#Validation", "message": "m"}',
            "InvalidParameterValue",
        ),
        (503, {"Content-Type": "text/html"}, b"<html>busy</html>", "503"),
        (403, {}, b"[1]", "403"),
        (500, {}, b"", "500"),
    ],
)
def test_a_refusal_has_the_code_that_boto3_raises(
    server: Server, status: int, headers: dict[str, str], body: bytes, code: str | None
) -> None:
    server.status, server.headers, server.body = status, headers, body
    with pytest.raises(ClientError) as refused:
        QuickSQS(server.url, "us-east-1", local=True).send_message(MessageBody="x")
    found = refused.value.response["Error"]["Code"]
    assert found == (code or "InvalidMessageContents")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((200, body) for body in (b"<html>", b"[]", b"", b"[" * 100_000)),
        *((status, b"{}") for status in (201, 300)),
        (400, b'{"__type": 5}'),
        (400, b'{"__type": "\xff"}'),
    ],
)
def test_an_answer_that_is_none_confirms_nothing(
    server: Server, status: int, body: bytes
) -> None:
    server.status, server.body = status, body
    with pytest.raises(HTTPClientError):
        QuickSQS(server.url, "us-east-1", local=True).send_message(MessageBody="x")


def test_what_an_answer_leaves_empty_is_not_there(server: Server) -> None:
    server.body = b'{"Successful": null, "Failed": null, "MessageId": "m-0"}'
    sqs = QuickSQS(server.url, "us-east-1", local=True)
    assert sqs.send_message_batch(**CALL) == {"MessageId": "m-0"}


def test_who_does_not_answer_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_sqs, "ANSWER", 100)
    with pytest.raises(EndpointConnectionError):
        QuickSQS("http://127.0.0.1:9", "us-east-1", local=True).send_message(
            MessageBody="x"
        )
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ReadTimeoutError):
            QuickSQS(url, "us-east-1", local=True).send_message(MessageBody="x")


def test_a_connection_that_nobody_takes_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quick_sqs, "CONNECT", 100)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address):  # it fills the line of those who wait
            sqs = QuickSQS(f"http://127.0.0.1:{address[1]}", "us-east-1", local=True)
            with pytest.raises(ConnectTimeoutError):
                sqs.send_message(MessageBody="x")


def test_a_connection_that_breaks_is_an_error_and_not_used_again(
    server: Server,
) -> None:
    sqs = QuickSQS(server.url, "us-east-1", local=True)
    server.headers = {"Transfer-Encoding": "chunked", "Connection": "close"}
    server.body = b"10\r\ntorn"
    with pytest.raises(HTTPClientError):
        sqs.send_message(MessageBody="x")
    assert not sqs._idle


def test_threads_take_turns_on_few_connections(server: Server) -> None:
    sqs = QuickSQS(server.url, "us-east-1", local=True)

    def send(number: int) -> None:
        sqs.send_message(MessageBody=str(number))

    for number in range(5):
        send(number)
    assert len(server.connections) == 1
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(send, range(5, 100)))
    assert len(server.connections) <= 4
    sent = {json.loads(body)["MessageBody"] for _, body in server.asked}
    assert sent == {str(number) for number in range(100)}


def test_a_message_as_large_as_sqs_takes_is_sent_whole(server: Server) -> None:
    text = "é" * (512 * 1024)
    QuickSQS(server.url, "us-east-1", local=True).send_message(MessageBody=text)
    ((headers, body),) = server.asked
    assert "expect" not in headers
    assert json.loads(body)["MessageBody"] == text


@pytest.mark.parametrize("is_known", [True, False])
def test_a_certificate_counts_only_from_an_authority_we_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(self_signed())
    if is_known:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(tls) as server:
        sqs = QuickSQS(f"https://127.0.0.1:{server.port}", "us-east-1", local=True)
        if is_known:
            assert sqs.send_message(MessageBody="x")
        else:
            with pytest.raises(HTTPClientError):
                sqs.send_message(MessageBody="x")
            assert not server.asked


def self_signed() -> bytes:
    """A key and a certificate for 127.0.0.1, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)
