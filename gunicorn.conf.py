"""gunicorn reads this file in its parent process, wherever it is started in this folder.

The parent makes the board on which the workers count (processing/board.py), and gives each
worker a row. It imports little else of Holdfast, so that a reload by SIGHUP takes new code.
With LOG_FORMAT=json it also lets gunicorn's own lines be JSON.
"""

import os
import socket
from typing import Any

import environ

from processing import board, log_config

worker_class = "intake.wsgi.web_worker.WebWorker"


class _Env(environ.Env):  # type: ignore[misc]
    """Reads the file of settings, and leaves the environment as it is."""

    ENVIRON = dict(os.environ)


_Env.read_env(os.environ.get("ENV_FILE", ".env"))

if _Env.ENVIRON.get("LOG_FORMAT") == "json":
    _level = _Env.ENVIRON.get("LOG_LEVEL", "INFO").upper()
    _own = {"handlers": ["console"], "level": _level, "propagate": False}
    logconfig_dict = log_config.configuration(
        "json",
        _level if _level in log_config.LEVELS else "INFO",
        {},
        **{"gunicorn.error": _own, "gunicorn.access": {**_own, "level": "CRITICAL"}},
    )


def on_starting(server: Any) -> None:
    """Listen on METRICS_PORT too; project/wsgi.py answers there with the metrics alone."""
    port = _Env.ENVIRON.get("METRICS_PORT", "").strip()
    host = _Env.ENVIRON.get("METRICS_HOST", "127.0.0.1")
    if not port.isdigit() or port == "0" or "GUNICORN_FD" in os.environ:
        return
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, int(port)), family=family).close()
    except (OSError, OverflowError) as error:
        server.log.error("metrics_port=%s not_served=%r", port, str(error))
        return
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    server.cfg.set("bind", [*server.cfg.bind, named])


def pre_fork(server: Any, worker: Any) -> None:
    worker.row = board.free_row(one.row for one in server.WORKERS.values())


def post_fork(server: Any, worker: Any) -> None:
    board.own(worker.row)
