"""A thread that answered waits for the next request of its connection, if others are free."""

import runpy
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn

from intake.wsgi import web_worker
from intake.wsgi.web_worker import WebWorker

THREADS = 3
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "8")])
    return [b"answered"]


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebWorker]:
    monkeypatch.setattr(web_worker, "PATIENCE", 30)  # no machine is slower
    cfg = Config()
    cfg.set("threads", THREADS)
    made = WebWorker(1, 1, [], None, 30, cfg, Logger(cfg))
    made.wsgi = application
    made.given = 2
    yield made
    made.tmp.close()


@pytest.fixture
def both_ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(30)
        yield here, there


def connection(worker: WebWorker, end: socket.socket) -> TConn:
    return TConn(worker.cfg, end, ("127.0.0.1", 1), ("127.0.0.1", 80))


def answers(client: socket.socket, number: int) -> bytes:
    received = b""
    while received.count(b"answered") < number:
        received += client.recv(65536)
    return received


def test_one_thread_answers_the_requests_of_a_connection(
    worker: WebWorker, both_ends: tuple[socket.socket, socket.socket]
) -> None:
    here, client = both_ends
    with ThreadPoolExecutor(1) as pool:
        handled = pool.submit(worker.handle, connection(worker, here))
        for _ in range(3):
            client.sendall(REQUEST)
            answers(client, 1)
        client.shutdown(socket.SHUT_WR)
        assert handled.result(30) is False  # the connection ended


@pytest.mark.parametrize(
    "reason", ["no thread is free", "it stops", "it has it already", "it is alone"]
)
def test_a_connection_goes_back_with_its_next_request_where(
    reason: str, worker: WebWorker, both_ends: tuple[socket.socket, socket.socket]
) -> None:
    here, client = both_ends
    answered = []

    def asked_again(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answered.append(environ)
        if len(answered) == 1:
            client.sendall(REQUEST)
        client.shutdown(socket.SHUT_WR)
        worker.alive = reason != "it stops"
        return application(environ, start_response)

    worker.wsgi = asked_again
    worker.given = {"no thread is free": THREADS, "it is alone": 1}.get(reason, 2)
    client.sendall(REQUEST * (2 if reason == "it has it already" else 1))
    assert worker.handle(connection(worker, here)) is True
    assert len(answered) == 1


def test_a_connection_without_another_request_goes_back(
    worker: WebWorker,
    both_ends: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_worker, "PATIENCE", 0.001)
    here, client = both_ends
    client.sendall(REQUEST)
    assert worker.handle(connection(worker, here)) is True


def test_a_client_names_no_prefix_of_the_site(
    worker: WebWorker, both_ends: tuple[socket.socket, socket.socket]
) -> None:
    """A path below a prefix of the client's choice would pass checks that look at paths."""
    here, client = both_ends
    conf = runpy.run_path(str(settings.BASE_DIR / "gunicorn.conf.py"))
    worker.cfg.set("forwarder_headers", conf["forwarder_headers"])
    asked: list[dict[str, Any]] = []

    def asking(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked.append(environ)
        return application(environ, start_response)

    worker.wsgi = asking
    headers = b"Host: 127.0.0.1\r\nSCRIPT_NAME: /shop\r\nPATH_INFO: /\r\n\r\n"
    client.sendall(b"GET /shop/api/orders HTTP/1.1\r\n" + headers)
    client.shutdown(socket.SHUT_WR)
    worker.handle(connection(worker, here))
    assert asked[0]["SCRIPT_NAME"] == ""
    assert asked[0]["PATH_INFO"] == "/shop/api/orders"
    assert not {"HTTP_SCRIPT_NAME", "HTTP_PATH_INFO"} & asked[0].keys()


def test_connections_that_wait_for_a_thread_are_counted(
    worker: WebWorker, both_ends: tuple[socket.socket, socket.socket]
) -> None:
    here, client = both_ends
    worker.tpool = worker.get_thread_pool()
    worker.method_queue.init()
    conn = connection(worker, here)
    client.shutdown(socket.SHUT_WR)
    worker.enqueue_req(conn)
    assert worker.given == 3
    worker.tpool.shutdown(wait=True)
    worker.method_queue.run_callbacks(None)
    assert worker.given == 2
    worker.method_queue.close()
