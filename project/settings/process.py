"""This process and this machine: files, secret key, release, logs."""

from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from processing.files.private_files import (
    close_to_others,
    kept_secret,
    make_private_folder,
)
from project.environment import Environment

BASE_DIR = Path(__file__).resolve().parents[2]

env = Environment()
env.read_env(env.str("ENV_FILE", str(BASE_DIR / ".env")))
# What this machine keeps for itself: embedded database, queues and mail, beat's schedule.
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var"))).resolve()
with suppress(OSError):  # `check --deploy` names it; most processes need nothing of it
    make_private_folder(VAR_DIR)
if VAR_DIR == BASE_DIR / "var":  # another one may be shared on purpose
    close_to_others(VAR_DIR)


def machine_secret() -> str:
    """A random key kept in var/, so that a laptop needs no configuration.

    Used only beside the embedded database: two machines would not agree on it.
    """
    try:
        return kept_secret(VAR_DIR / "secret-key", 48)
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR is {VAR_DIR}, where a secret key cannot be kept:"
            f" {error.strerror}. Set VAR_DIR to a folder of your own, or set SECRET_KEY."
        ) from None


EMBEDDED = not env.str("DATABASE_URL", "")
SECRET_KEY = env.str("SECRET_KEY", "") if EMBEDDED else env.str("SECRET_KEY")
SECRET_KEY = SECRET_KEY or machine_secret()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = env.bool("DEBUG", False)
# The page that sends samples.
DEMO = env.bool("DEMO", DEBUG)
RELEASE = env.str("RELEASE", "development")

# key=value, a request id on every line that has one, never a payload.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "processing.delivery.error_texts.Formatter",
            "format": "time=%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "bare": {"class": "logging.StreamHandler"},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        # CloudWatch takes a line for metrics only if nothing stands before its JSON.
        "processing.emf": {"handlers": ["bare"], "level": "INFO", "propagate": False},
        "botocore": {"level": "WARNING"},
        "botocore.credentials": {"level": "CRITICAL"},  # ours say it in one line
        "celery.worker.strategy": {"level": "WARNING"},  # ours say more
        "celery.app.trace": {"level": "WARNING"},
        "axes": {"level": "ERROR"},  # its other lines carry user names
    },
}
