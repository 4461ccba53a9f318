"""Serve the metrics of a worker on METRICS_PORT, from its parent process."""

import logging
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from django.conf import settings

from processing.metrics import exposition

logger = logging.getLogger(__name__)
_open: "list[MetricsServer]" = []


class _Handler(BaseHTTPRequestHandler):
    timeout = 5  # seconds; a client that says nothing holds no thread for longer

    def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind = exposition.content_type(self.headers.get("Accept", ""))
        body = exposition.text(exposition.counted(), kind).encode()
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

    def handle_error(self, *_: Any) -> None:
        """A client that went away is nobody's concern."""


def serve() -> None:
    """Start to serve in a thread. A port that cannot be used is logged; the worker works."""
    address = settings.METRICS_HOST, settings.METRICS_PORT
    try:
        server = MetricsServer(address, _Handler)
    except (OSError, OverflowError) as error:
        logger.error("metrics_port=%s not_served=%r", address[1], str(error))
        return
    _open.append(server)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    logger.info("metrics_port=%s served=1", address[1])


def let_go(**_: Any) -> None:
    """In a new process of the pool: leave the port to the parent."""
    for server in _open:
        server.socket.close()


def close() -> None:
    while _open:
        server = _open.pop()
        server.shutdown()
        server.socket.close()
