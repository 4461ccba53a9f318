"""Logs: a request id on every line that has one, never a payload."""

import logging

from django.core.exceptions import ImproperlyConfigured

from processing.log_config import (
    FORMATS,
    LEVELS,
    UnknownLevelError,
    configuration,
    levels_in,
    log_everything,
)
from project.settings.process import env

LOG_FORMAT = env.one_of("LOG_FORMAT", *FORMATS)
LOG_LEVEL = env.str("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in LEVELS:
    raise ImproperlyConfigured(
        f"LOG_LEVEL is {LOG_LEVEL!r}. Set it to {', '.join(LEVELS[:-1])} or {LEVELS[-1]}."
    )
try:
    LOG_LEVELS = levels_in(env.str("LOG_LEVELS", ""))
except UnknownLevelError as error:
    raise ImproperlyConfigured(
        f"LOG_LEVELS names {str(error)!r}."
        " Write it like processing:DEBUG,intake.accept:WARNING"
    ) from None

LOGGING = configuration(LOG_FORMAT, LOG_LEVEL, LOG_LEVELS)
if LOG_FORMAT == "json":
    log_everything()

# No format shows the place in the code, the thread or its process pool, so nobody looks
# them up (Python's logging HOWTO, "Optimization"). An accepted request logs a line.
logging._srcfile = None
logging.logThreads = False
logging.logMultiprocessing = False
