"""A small HTTP server that has `GET /metrics`, and nothing else."""

import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, cast

from processing.metrics import exposition


class _Handler(BaseHTTPRequestHandler):
    timeout = 5  # seconds; a client that says nothing holds no thread for longer

    def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind = exposition.content_type(self.headers.get("Accept", ""))
        body = cast("MetricsServer", self.server).text(kind).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Not a line for each scrape."""


class MetricsServer(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self, where: tuple[str, int] | socket.socket, text: Callable[[str], str]
    ) -> None:
        """*where*: an address, or a socket that listens. *text* makes the metrics of a
        content type. Raises OSError and OverflowError for an address that cannot be used.
        """
        self.text = text
        if isinstance(where, tuple):
            super().__init__(where, _Handler)
            return
        super().__init__(where.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = where

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A client that went away is nobody's concern."""
