"""The socket of METRICS_PORT: the parent opens it, and each process inherits it.

So a reload keeps the port, and whichever process is free answers.
"""

import logging
import socket
from collections.abc import Mapping

from intake.web import listeners

logger = logging.getLogger(__name__)
_open: list[socket.socket] = []


def open_from(env: Mapping[str, str]) -> None:
    """Listen as METRICS_HOST and METRICS_PORT say. A port that cannot be used is logged."""
    host = env.get("METRICS_HOST", "127.0.0.1")
    port = env.get("METRICS_PORT", "").strip()
    if not port.isdigit() or port == "0":
        return
    try:
        listener = listeners.listen(host, int(port))
    except (OSError, OverflowError) as error:
        logger.error("metrics_port=%s not_served=%r", port, str(error))
        return
    _open.append(listener)
    logger.info("metrics_port=%s served=1", port)


def inherited() -> socket.socket | None:
    return _open[0] if _open else None
