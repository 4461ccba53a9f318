"""gunicorn reads this file in its parent process, wherever it is started in this folder.

The parent makes the board on which the workers count (processing/board.py), and gives each
worker a row. It imports little else of Holdfast, so that a reload by SIGHUP takes new code.
With LOG_FORMAT=json it also lets gunicorn's own lines be JSON.
"""

import os
from typing import Any

import environ
from gunicorn import sock

from processing import board, log_config

worker_class = "intake.wsgi.web_worker.WebWorker"
# By default a proxy on this machine passes SCRIPT_NAME on, also from whoever sent it.
forwarder_headers = ""


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


def when_ready(server: Any) -> None:
    """Listen on METRICS_PORT too; project/wsgi.py answers there with the metrics alone.

    The setting `bind` stays as it is: a reload by SIGHUP would find another one, and end
    the server, because its workers still have the addresses.
    """
    port = _Env.ENVIRON.get("METRICS_PORT", "").strip()
    host = _Env.ENVIRON.get("METRICS_HOST", "127.0.0.1")
    if not port.isdigit() or port == "0" or server.master_pid:  # else inherited
        return
    kind = sock.TCP6Socket if ":" in host else sock.TCPSocket
    try:
        listener = kind((host, int(port)), server.cfg, server.log)
    except (OSError, OverflowError) as error:
        server.log.error("metrics_port=%s not_served=%r", port, str(error))
        return
    server.LISTENERS.append(listener)
    server.log.info("metrics_at=%s", listener)


def pre_fork(server: Any, worker: Any) -> None:
    worker.row = board.free_row(one.row for one in server.WORKERS.values())


def post_fork(server: Any, worker: Any) -> None:
    board.own(worker.row)
