"""The configuration of logging, for Django's settings and for the web server's parent."""

import logging
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

FORMATS = ("keys", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_FORMATTERS: dict[str, dict[str, str]] = {
    "keys": {
        "()": "processing.delivery.error_texts.Formatter",
        "format": "time=%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
    },
    "json": {"()": "processing.delivery.json_lines.JSONFormatter"},
}
#: Loggers whose level is not the root's, unless LOG_LEVELS names them.
_OWN_LEVELS = {
    "botocore": "WARNING",
    "botocore.credentials": "CRITICAL",  # ours say it in one line
    "celery.worker.strategy": "WARNING",  # ours say more
    "celery.app.trace": "WARNING",
    "axes": "ERROR",  # its other lines carry user names
}


class UnknownLevelError(ValueError):
    """A level of LOG_LEVEL or LOG_LEVELS that logging does not know."""


def levels_in(text: str) -> dict[str, str]:
    """The level of each logger in *text*, as `processing:DEBUG,intake.accept:WARNING`.

    Raises UnknownLevelError.
    """
    found = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        name, _, level = pair.rpartition(":")
        if not name or level.upper() not in LEVELS:
            raise UnknownLevelError(pair)
        found[name.strip()] = level.upper()
    return found


def configuration(
    style: str, level: str, levels: Mapping[str, str], **more: dict[str, Any]
) -> dict[str, Any]:
    """For logging.config.dictConfig; *more* are loggers with handlers of their own."""
    alone = {**_OWN_LEVELS, **levels}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": _FORMATTERS[style]},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "line"},
            "bare": {"class": "logging.StreamHandler"},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # CloudWatch takes a line for metrics only if nothing stands before its JSON.
            "processing.emf": {
                "handlers": ["bare"],
                "level": "INFO",
                "propagate": False,
            },
            **{name: {"level": one} for name, one in alone.items()},
            **more,
        },
    }


def log_everything() -> None:
    """Log warnings and errors that nobody caught, which Python prints by itself."""
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value, args.exc_traceback
    )


def _log_uncaught(
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger(__name__).critical(
        "uncaught=%s", kind.__name__, exc_info=(kind, error, trace)
    )
