"""Run a WSGI application behind granian's RSGI: an event loop for HTTP, threads for the rest.

granian's own WSGI side merges `X_Forwarded_For` with `X-Forwarded-For`, and takes a body that
was cut off for a whole one. By its RSGI side both can be told apart.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import Any

from intake.web import bodies, responses
from intake.web.clients import Client
from intake.web.handover import AtOnce
from intake.web.requests import UnreadableError, environ_of
from intake.web.threads import Threads

logger = logging.getLogger(__name__)
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
ROUND = 1.0  # seconds


class Bridge:
    """What granian serves. Each process has one."""

    def __init__(
        self, application: Application, threads: int, parent: int, connections: int
    ) -> None:
        """*parent*: the process without which this one ends.

        *connections*: how many this process may have.
        """
        self._application = application
        self._parent = parent
        self._connections = connections
        self._threads: Threads[_Asked] = Threads(threads, self._answer)
        self._waiting: dict[_Exchange, bodies.Arriving] = {}  # for their bodies

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._threads.start()
        loop.call_later(ROUND, self._go_round)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._threads.end()

    def take(self, watcher: Any) -> bool:
        """Give a request to a thread. False: its body is not small, so the loop has to read it.

        Called by granian's own thread, through which all requests of this process pass, with
        what watches the request. It neither waits nor raises.
        """
        scope, proto = watcher.scope, watcher.proto
        if self._threads.waiting >= self._connections:  # so clients of some have left
            _refuse(proto)
            return True
        body = bodies.small(scope.headers, proto)
        if body is None:
            return False
        exchange = _Exchange(scope, proto, self._loop)
        if isinstance(body, bodies.Arriving) and not self._threads.all_idle:
            self._wait_for(body, exchange)
        else:  # a thread takes as long to wake as most bodies to come
            self._threads.put((exchange, body))
        return True

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        with bodies.Room() as room:
            try:
                body = await bodies.read(scope.headers, proto, room)
            except bodies.FullError:
                _refuse(proto)
                return
            exchange = _Exchange(scope, proto, self._loop)
            exchange.ended = asyncio.Event()
            self._threads.put((exchange, body))
            await exchange.ended.wait()

    def _answer(self, asked: "_Asked") -> None:
        exchange, body = asked
        if isinstance(body, bodies.Arriving):
            if not body.is_here():
                self._wait_for(body, exchange)
                return
            body = body.body()
        exchange.answer(self._application, body)
        if exchange.ended:
            self._loop.call_soon_threadsafe(exchange.ended.set)

    def _wait_for(self, body: bodies.Arriving, exchange: "_Exchange") -> None:
        self._waiting[exchange] = body
        body.call_when_here(AtOnce(partial(self._go_on, exchange)))

    def _go_on(self, exchange: "_Exchange") -> None:
        if body := self._waiting.pop(exchange, None):
            self._threads.put((exchange, body.body()))

    def _go_round(self) -> None:
        for exchange, body in self._waiting.copy().items():
            if body.is_late:
                self._go_on(exchange)
        if os.getppid() != self._parent:
            signal.raise_signal(signal.SIGTERM)
        else:
            self._loop.call_later(ROUND, self._go_round)


def _refuse(proto: Any) -> None:
    proto.response_empty(HTTPStatus.SERVICE_UNAVAILABLE, [("retry-after", "1")])


class _Exchange:
    """A request and its response."""

    def __init__(self, scope: Any, proto: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._scope = scope
        self._proto = proto
        self._loop = loop
        self._head: tuple[int, list[tuple[str, str]]] | None = None
        self.ended: asyncio.Event | None = None  # where the loop waits for the end

    def answer(self, application: Application, body: bodies.Body) -> None:
        """Called in a thread, which hands the response to granian itself."""
        try:
            answer = application(environ_of(self._scope, body), self._start)
            try:
                self._send(answer)
            finally:
                if close := getattr(answer, "close", None):
                    close()
        except UnreadableError:
            self._proto.response_empty(HTTPStatus.BAD_REQUEST, [])
        except BaseException:  # SystemExit and the like would end the thread
            logger.exception("unanswered=1")
            with suppress(RuntimeError):  # it has begun
                self._proto.response_empty(HTTPStatus.INTERNAL_SERVER_ERROR, [])

    def _start(self, status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        self._head = int(status[:3]), [(name.lower(), value) for name, value in headers]

    def _send(self, answer: Iterable[bytes]) -> None:
        if isinstance(answer, responses.File) and (path := answer.path()):
            self._send_file(path)
            return
        begun: list[bytes] = []
        length = 0
        parts = iter(answer)
        for part in parts:
            begun.append(part)
            length += len(part)
            if length > responses.AT_ONCE:
                client = Client(self._scope, self._proto, self._loop)
                responses.send(chain(begun, parts), self._send_file, client)
                return
        self._proto.response_bytes(*self._started(), b"".join(begun))

    def _send_file(self, path: str) -> None:
        self._proto.response_file(*self._started(), path)

    def _started(self) -> tuple[int, list[tuple[str, str]]]:
        return self._head or (HTTPStatus.INTERNAL_SERVER_ERROR, [])


_Asked = tuple[_Exchange, bodies.Body | bodies.Arriving]
