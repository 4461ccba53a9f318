"""A proxy before a database server that takes connections and gives no answers, on request."""

import contextlib
import socket
import threading
from collections.abc import Callable


class DatabaseProxy:
    """Forwards to the server at *host* and *port*; while it hangs, nothing passes."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._passes = threading.Event()
        self._passes.set()
        self._open: set[socket.socket] = set()
        self._start(self._take)

    def hang(self) -> None:
        """Connections stay, and new ones are taken; what is sent is kept until `go_on`."""
        self._passes.clear()

    def go_on(self) -> None:
        self._passes.set()

    def stop(self) -> None:
        """From now on connections are refused, and those there were are cut."""
        _cut(self._listening)
        for one in list(self._open):
            _cut(one)
        self.go_on()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        self._passes.wait()
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(self._server) as server,
        ):
            self._open |= {client, server}
            back = self._start(self._forward, server, client)
            self._forward(client, server)
            back.join()
            self._open -= {client, server}

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._passes.wait()
                target.sendall(data)
        for one in (source, target):
            _cut(one, close=False)

    def _start(self, work: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        return thread


def _cut(one: socket.socket, *, close: bool = True) -> None:
    with contextlib.suppress(OSError):  # its other end was faster
        one.shutdown(socket.SHUT_RDWR)
    if close:
        one.close()
