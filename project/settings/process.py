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
