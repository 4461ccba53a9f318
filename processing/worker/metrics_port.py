"""Serve the metrics of a worker on METRICS_PORT, from its parent process."""

import logging
from typing import Any

from django.conf import settings

from processing.metrics import exposition
from processing.metrics.server import MetricsServer

logger = logging.getLogger(__name__)
_open: list[MetricsServer] = []


def _text(kind: str) -> str:
    return exposition.text(exposition.counted(), kind)


def serve() -> None:
    """Start to serve in a thread. A port that cannot be used is logged; the worker works."""
    address = settings.METRICS_HOST, settings.METRICS_PORT
    try:
        server = MetricsServer(address, _text)
    except (OSError, OverflowError) as error:
        logger.error("metrics_port=%s not_served=%r", address[1], str(error))
        return
    _open.append(server)
    server.start()
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
