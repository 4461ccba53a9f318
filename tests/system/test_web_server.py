"""Requests that are broken before Django sees them, against the real web server."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from processing.sqs import queues
from tests.builders import order_data
from tests.intake.endpoints import EVERY, TAKING, body_of
from tests.live import LiveSystem

pytestmark = [pytest.mark.siege, pytest.mark.django_db(transaction=True)]
ORDER = json.dumps(order_data()).encode()
HEAD = b"POST /api/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        yield opened


def status(opened: socket.socket) -> bytes:
    return opened.recv(65536).partition(b" ")[2][:3]


def test_a_request_of_two_lengths_is_refused_and_an_honest_one_is_taken(
    system: LiveSystem,
) -> None:
    port = system.start_web()
    with connection(port) as smuggler:  # two servers in a row could read it differently
        smuggler.sendall(
            HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        assert status(smuggler) == b"400"
    with connection(port) as torn:
        torn.sendall(HEAD + f"Content-Length: {len(ORDER)}\r\n\r\n".encode())
        torn.sendall(ORDER[:-1])
        torn.shutdown(socket.SHUT_WR)
        assert status(torn) == b"400"
    assert queues.depth("orders").visible == 0
    with connection(port) as patient:
        patient.sendall(
            HEAD
            + f"Content-Length: {len(ORDER)}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert status(patient) == b"100"
        patient.sendall(ORDER)
        assert status(patient) == b"202"
    assert queues.depth("orders").visible == 1


CHUNKED = b"%b %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


def request(port: int, endpoint: tuple[str, str], body: bytes) -> bytes:
    method, path = (part.encode() for part in endpoint)
    with connection(port) as opened:
        opened.sendall(CHUNKED % (method, path) + body)
        if not body.endswith(b"0\r\n\r\n"):
            opened.shutdown(socket.SHUT_WR)
        return opened.makefile("rb").read()


def test_every_endpoint_takes_chunks_and_refuses_what_ends_in_one(
    system: LiveSystem,
) -> None:
    port = system.start_web()
    for endpoint in TAKING:
        body = body_of(endpoint)
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body[:9])
        rest = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 9, body[9:])
        assert request(port, endpoint, chunks + rest)[9:12] in (b"202", b"207")
        for torn in (b"", b'5\r\n{"a"', b"zz\r\n", b"2\r\n{}\r\n", b"2\r\n{}xx"):
            answer = request(port, endpoint, torn)
            assert answer[9:12] == b"400"
            assert b"problem+json" in answer
        large = b"200001\r\n" + b" " * 0x200001 + b"\r\n0\r\n\r\n"
        answer = request(port, endpoint, large)
        assert answer[9:12] == b"413"
        assert b"2,097,152 bytes" in answer
    found = queues.depth("orders").visible + queues.depth("signups").visible
    assert found == len(TAKING)


def test_head_is_answered_without_content(system: LiveSystem) -> None:
    port = system.start_web()
    for method, path in EVERY:
        if method == "GET":
            with connection(port) as opened:
                line = f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                opened.sendall(line.encode())
                answer = opened.makefile("rb").read()
            assert answer[9:12] == b"200"
            assert answer.endswith(b"\r\n\r\n")


def test_a_refused_body_costs_the_next_request_of_its_connection_nothing(
    system: LiveSystem,
) -> None:
    """A proxy sends the requests of many clients over one connection."""
    port = system.start_web()
    json_type = {"Content-Type": "application/json"}
    large = b" " * 1_500_000
    for method, path, host, code in (
        ("POST", "/nowhere", "127.0.0.1", 404),
        ("POST", "/api/orders", "evil.example", 400),
        ("POST", "/orders/new", "127.0.0.1", 403),
        ("PUT", "/api/orders", "127.0.0.1", 405),
    ):
        for body in (large, iter([large])):  # of a stated length, and in chunks
            proxy = HTTPConnection("127.0.0.1", port, timeout=10)
            for sent, answered in (
                ((method, path, body, {"Host": host}), code),
                (("POST", "/api/orders", ORDER, json_type), 202),
            ):
                proxy.request(*sent)
                answer = proxy.getresponse()
                answer.read()
                assert answer.status == answered
            proxy.close()
