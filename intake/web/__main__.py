"""Start the web server: `python -m intake.web --workers 2 --threads 8 --bind 0.0.0.0:8000`.

This process makes the board on which the others count (processing/board.py), gives each a row,
and starts another where one ends. It imports little else of Holdfast, so that a reload by
SIGHUP takes new code.
"""

import argparse
import multiprocessing
import os
import signal
import socket
import sys
from importlib import import_module
from typing import Any

import environ
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, RuntimeModes, TaskImpl
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer, WorkerProcess

from intake.web import handover, listeners, metrics_listener
from processing import board, log_config

#: Connections of one process.
CONNECTIONS = 1000
#: Longer than a load balancer of AWS keeps a connection that says nothing, which is 60 s.
IDLE_MS = 75_000
#: Bytes that are read ahead; the head of a request is not longer.
BUFFER = 128 * 1024
STOP_SECONDS = 30
#: A client that takes nothing of its response for so long loses its connection.
STALLED_MS = 60_000


class _Env(environ.Env):  # type: ignore[misc]
    """Reads the file of settings, and leaves the environment as it is."""

    ENVIRON = dict(os.environ)


class Server(MPServer):
    """What granian starts processes with, where it is not as we need it."""

    def __init__(self, site: str, threads: int, **options: Any) -> None:
        """*site*: a module that has a WSGI `application`."""
        super().__init__(site, **options)
        self._threads = threads
        self._rows: dict[WorkerProcess, int] = {}
        self._shd: Any
        self._sso: Any

    def _init_shared_socket(self) -> None:
        """One socket for all processes, open as long as this one serves.

        granian gives each process a socket of its own. Whoever connects while none of them
        is ready would be refused, and what waits at one that is killed would be lost.
        """
        address = (self.bind_addr, self.bind_port)
        listener = listeners.listen(*address, self.backlog)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # connections inherit it; Linux has it
            option = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            listener.setsockopt(*option, STALLED_MS)
        self._sso = listener
        self._shd = SocketHolder(listener.fileno(), False, self.backlog)  # type: ignore[call-arg]

    def _drop_shared_socket(self) -> None:
        self._sso.close()

    def _spawn_worker(  # type: ignore[override]
        self, idx: int, target: Any, callback_loader: Any
    ) -> WorkerProcess:
        self._rows = {
            one: row for one, row in self._rows.items() if one.inner.is_alive()
        }
        row = board.free_row(self._rows.values())
        loader = _Loader(self.target, row, self._threads)
        worker = super()._spawn_worker(idx, target, loader)
        self._rows[worker] = row
        return worker


class _Loader:
    """Called in a new process, before anything of the site is imported."""

    def __init__(self, site: str, row: int, threads: int) -> None:
        self._site = site
        self._parent = os.getpid()
        self._row = row
        self._threads = threads

    def __call__(self) -> Any:
        # Until granian listens to it, the handler of the parent would swallow a SIGTERM.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        board.own(self._row)
        bridge = import_module("intake.web.bridge")
        site = import_module(self._site)
        made = bridge.Bridge(site.application, self._threads, self._parent, CONNECTIONS)
        handover.to(made.take)
        return made


def main(site: str = "project.wsgi") -> None:
    options = _options()
    _Env.read_env(os.environ.get("ENV_FILE", ".env"))
    multiprocessing.set_start_method("fork")  # else nothing is shared
    host, port = options.bind
    try:
        server = Server(
            site,
            options.threads,
            address=host,
            port=port,
            workers=options.workers,
            interface=Interfaces.RSGI,
            task_impl=TaskImpl.asyncio,  # what handover.py knows
            runtime_mode=RuntimeModes.st,
            loop=handover.LOOP,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(IDLE_MS, max_buffer_size=BUFFER),
            websockets=False,
            backpressure=CONNECTIONS,
            respawn_failed_workers=True,
            workers_kill_timeout=options.stop_seconds,
            log_level=LogLevels(options.log_level),
            log_dictconfig=_logging(options.log_level),
        )
        metrics_listener.open_from(_Env.ENVIRON)
        server.serve()
    except (OSError, OverflowError) as error:
        sys.exit(f"Cannot serve at {host}:{port}: {error}")


def _logging(level: str) -> dict[str, Any]:
    style = "json" if _Env.ENVIRON.get("LOG_FORMAT") == "json" else "keys"
    own = {"handlers": ["console"], "level": level.upper(), "propagate": False}
    ours = {"_granian": own, "intake.web": own}
    return log_config.configuration(style, "WARNING", {}, **ours)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m intake.web",
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--bind",
        type=_address,
        default="127.0.0.1:8000",
        metavar="HOST:PORT",
        help="where to listen",
    )
    add("--workers", type=_at_least_one, default=1, help="processes")
    add("--threads", type=_at_least_one, default=8, help="of each process")
    add(
        "--stop-seconds",
        type=_at_least_one,
        default=STOP_SECONDS,
        help="for requests that have begun, after SIGTERM",
    )
    add(
        "--log-level",
        default="info",
        choices=["info", "warning", "error"],
        help="of the server",
    )
    return parser.parse_args()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal():
        raise argparse.ArgumentTypeError(f"write HOST:PORT, and not {text!r}")
    return host.strip("[]"), int(port)


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"write 1 or more, and not {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
