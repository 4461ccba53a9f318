"""Requests that the event loop ends before their thread has answered."""

import asyncio
import io
import os
import threading
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any

from intake.web import requests
from intake.web.bodies import Body
from intake.web.bridge import Bridge
from intake.web.requests import environ_of

PATIENCE = 10  # seconds


class Proto:
    """What granian hands over with a request."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""

    def response_bytes(self, status: int, headers: object, body: bytes) -> None:
        self.answers.append((status, body))

    def response_empty(self, status: int, headers: object) -> None:
        self.answers.append((status, b""))


class Headers(dict[str, str]):
    """Those of granian are pairs and names in lower case."""


def scope() -> Any:
    return SimpleNamespace(
        method="GET",
        path="/",
        query_string="",
        http_version="1.1",
        server="127.0.0.1:8000",
        client="127.0.0.1:50000",
        scheme="http",
        headers=Headers(host="127.0.0.1"),
    )


def test_a_request_that_is_cancelled_is_no_fault_of_the_next() -> None:
    begun, going_on = threading.Event(), threading.Event()

    def application(environ: object, start: Any) -> Iterable[bytes]:
        begun.set()
        assert going_on.wait(PATIENCE)
        start("200 OK", [])
        return [b"done"]

    async def both() -> Proto:
        loop = asyncio.get_running_loop()
        bridge = Bridge(application, threads=1, parent=os.getppid(), connections=1)
        bridge.__rsgi_init__(loop)
        first, second = Proto(), Proto()
        request = loop.create_task(bridge.__rsgi__(scope(), first))
        assert await loop.run_in_executor(None, begun.wait, PATIENCE)
        request.cancel()
        await asyncio.wait([request])
        going_on.set()
        async with asyncio.timeout(PATIENCE):
            while not first.answers:
                await asyncio.sleep(0)
            await bridge.__rsgi__(scope(), second)
        bridge.__rsgi_del__(loop)
        return second

    assert asyncio.run(both()).answers == [(200, b"done")]


def test_no_more_requests_wait_for_a_thread_than_there_are_connections() -> None:
    """The clients of some have left, so no number of connections limits how many there are."""
    begun, going_on = threading.Event(), threading.Event()

    def application(environ: object, start: Any) -> Iterable[bytes]:
        begun.set()
        assert going_on.wait(PATIENCE)
        start("200 OK", [])
        return [b"done"]

    asked = [Proto() for _ in range(6)]
    loop = asyncio.new_event_loop()
    bridge = Bridge(application, threads=1, parent=os.getppid(), connections=3)
    bridge.__rsgi_init__(loop)
    for proto in asked:
        assert bridge.take(SimpleNamespace(scope=scope(), proto=proto))
        assert begun.wait(PATIENCE)
    going_on.set()
    bridge.__rsgi_del__(loop)
    loop.close()
    done, refused = [(200, b"done")], [(503, b"")]
    assert [proto.answers for proto in asked] == [done] * 4 + [refused] * 2


def test_a_header_of_which_there_are_too_many_names_to_remember_arrives_too() -> None:
    for number in range(3000):
        asked = scope()
        asked.headers = Headers({f"x-{number}": "1"})
        found = environ_of(asked, Body(io.BytesIO(), 0))
        assert found[f"HTTP_X_{number}"] == "1"
    assert len(requests._names) <= 1000
