"""The project's settings with nothing of the developer's machine but DATABASE_URL.

Neither a `.env` file nor an exported variable may change what the tests see.
"""

import os
from pathlib import Path

_example = Path(__file__).resolve().parent.parent / ".env.example"
for _line in _example.read_text().splitlines():
    _name = _line.partition("=")[0].lstrip("#")
    if _name != "DATABASE_URL":
        os.environ.pop(_name, None)
os.environ["ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "only-for-tests-0123456789-0123456789-0123456789-abcdef"

from project.settings import *  # noqa: E402, F403

# WhiteNoise warns where nothing has been collected, and a warning is an error here.
MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]  # noqa: F405
SQS_ENDPOINT_URL = ""  # moto answers in process for Amazon's own address
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
AXES_ENABLED = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
