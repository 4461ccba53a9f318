"""The calls through curl, against a server that answers as a test tells it to."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
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
    ReadTimeoutError,
)

from processing.sqs import access
from processing.sqs.credentials import CredentialsError, Kept
from processing.sqs.curl_client import QuickSQS
from tests.processing.sqs_server import Server, self_signed, serving

CALL: dict[str, Any] = {
    "QueueUrl": "https://sqs/1/orders",
    "Entries": [{"Id": "0", "MessageBody": "Grüße, 東京"}],
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture
def kept(no_keys: None) -> Iterator[Callable[[], Kept]]:
    """Looks for credentials as a process that starts now would."""
    made: list[Kept] = []

    def look() -> Kept:
        made.append(Kept())
        return made[-1]

    yield look
    for one in made:
        one.close()


def local(url: str) -> QuickSQS:
    return QuickSQS(access.settled(url, "us-east-1", access.LOCAL))


def of_amazon(server: Server, known: Kept) -> QuickSQS:
    """One with real credentials, whose Amazon is *server*."""
    return QuickSQS(access.settled(server.url, "eu-west-1", known))


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
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    kept: Callable[[], Kept],
    token: str | None,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "se:cr/et+")
    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    known = kept()
    known.within(20)
    sqs = of_amazon(server, known)
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
    server: Server, kept: Callable[[], Kept]
) -> None:
    with pytest.raises(CredentialsError):
        of_amazon(server, kept()).send_message(MessageBody="x")
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
        local(server.url).send_message(MessageBody="x")
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
        local(server.url).send_message(MessageBody="x")


def test_what_an_answer_leaves_empty_is_not_there(server: Server) -> None:
    server.body = b'{"Successful": null, "Failed": null, "MessageId": "m-0"}'
    sqs = local(server.url)
    assert sqs.send_message_batch(**CALL) == {"MessageId": "m-0"}


def test_who_does_not_answer_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "QUICK_ANSWER", 0.1)
    with pytest.raises(EndpointConnectionError):
        local("http://127.0.0.1:9").send_message(MessageBody="x")
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ReadTimeoutError):
            local(url).send_message(MessageBody="x")


def test_only_calls_for_which_nobody_waits_have_long(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "UNHURRIED_ANSWER", access.QUICK_ANSWER + 1.5)
    sqs = local(silent)

    def seconds(call: Callable[..., Any]) -> float:
        began = monotonic()
        with pytest.raises(ReadTimeoutError):
            call(QueueUrl="https://sqs/1/orders")
        return monotonic() - began

    hurried = (
        *(sqs.send_message, sqs.send_message_batch),
        *(sqs.change_message_visibility_batch, sqs.get_queue_attributes),
    )
    unhurried = (sqs.receive_message, sqs.delete_message_batch)
    with ThreadPoolExecutor(6) as threads:
        waits = list(threads.map(seconds, (*hurried, *unhurried)))
    assert max(waits[:4]) < access.UNHURRIED_ANSWER <= min(waits[4:]) + 0.05


def test_a_connection_that_nobody_takes_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(access, "QUICK_CONNECT", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address):  # it fills the line of those who wait
            sqs = local(f"http://127.0.0.1:{address[1]}")
            with pytest.raises(ConnectTimeoutError):
                sqs.send_message(MessageBody="x")


def test_a_connection_that_breaks_is_an_error_and_not_used_again(
    server: Server,
) -> None:
    sqs = local(server.url)
    server.headers = {"Transfer-Encoding": "chunked", "Connection": "close"}
    server.body = b"10\r\ntorn"
    with pytest.raises(HTTPClientError):
        sqs.send_message(MessageBody="x")
    assert not sqs._idle


def test_threads_take_turns_on_few_connections(server: Server) -> None:
    sqs = local(server.url)

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
    local(server.url).send_message(MessageBody=text)
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
        sqs = local(f"https://127.0.0.1:{server.port}")
        if is_known:
            assert sqs.send_message(MessageBody="x")
        else:
            with pytest.raises(HTTPClientError):
                sqs.send_message(MessageBody="x")
            assert not server.asked


def test_a_call_takes_no_longer_than_its_caller_has() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:
        sqs = local(f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = monotonic()
        with pytest.raises(ReadTimeoutError):
            sqs.send_message_batch(within=0.1, **CALL)
        assert monotonic() - began < access.QUICK_ANSWER


def test_a_large_body_has_a_millisecond_more_for_each_kib(silent: str) -> None:
    sqs = local(silent)

    def seconds(kib: int, within: float) -> float:
        began = monotonic()
        with pytest.raises(ReadTimeoutError):
            sqs.send_message_batch(within=within, Text="x" * kib * 1024)
        return monotonic() - began

    with ThreadPoolExecutor(3) as threads:
        small, large, hurried = threads.map(seconds, (1, 1000, 1000), (9, 9, 0.1))
    assert hurried < access.QUICK_ANSWER <= small < access.QUICK_ANSWER + 1
    assert access.QUICK_ANSWER + 1 <= large < access.QUICK_ANSWER + 2
