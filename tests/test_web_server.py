"""Requests that are broken before Django sees them, against the real web server."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import queues
from tests.builders import order_data
from tests.live import LiveSystem, live_system

pytestmark = [pytest.mark.siege, pytest.mark.django_db(transaction=True)]
ORDER = json.dumps(order_data()).encode()
HEAD = b"POST /api/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture
def system(tmp_path: Path, settings: Settings) -> Iterator[LiveSystem]:
    with live_system(tmp_path, settings) as system:
        yield system


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
