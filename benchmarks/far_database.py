"""A database that is a millisecond away: `python -m benchmarks.far_database PORT HOST PORT`

Forwards connections, and holds back what a client says for DELAY, as a network would. Every
round trip takes so much longer, whatever stands in it. A thread for each direction of a
connection, because an event loop cannot wait for less than a millisecond.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from benchmarks.children import running
from benchmarks.surroundings import Surroundings, free_port, is_open, wait_until

DELAY = 0.001  # seconds


@contextlib.contextmanager
def before(around: Surroundings) -> Iterator[str]:
    """The address of the database of this run, seen from far away."""
    url = urlsplit(os.environ["DATABASE_URL"])
    port = free_port()
    server = (url.hostname or "127.0.0.1", str(url.port or 5432))
    with running(
        "far-database",
        "benchmarks.far_database",
        str(port),
        *server,
        env={},
        folder=around.folder,
    ) as proxy:
        wait_until(lambda: is_open(port), proxy.check)
        login = f"{url.username}:{url.password}" if url.password else url.username
        yield url._replace(netloc=f"{login}@127.0.0.1:{port}").geturl()


def main(port: int, host: str, server_port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            client, _ = listening.accept()
            server = socket.create_connection((host, server_port))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _start(_forward, client, server, DELAY)
            _start(_forward, server, client, 0)


def _forward(source: socket.socket, target: socket.socket, delay: float) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            time.sleep(delay)
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _start(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
