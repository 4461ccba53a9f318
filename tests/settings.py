"""The project's settings with nothing of the developer's machine but DATABASE_URL.

Neither a `.env` file nor an exported variable may change what the tests see.
"""

import os
import tempfile
from pathlib import Path

_example = Path(__file__).resolve().parent.parent / ".env.example"
for _line in _example.read_text().splitlines():
    _name = _line.partition("=")[0].lstrip("#")
    if _name != "DATABASE_URL":
        os.environ.pop(_name, None)
os.environ["ENV_FILE"] = os.devnull
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"  # nobody asks the network who we are
# Looked for once, when a test imports the web server: the tests with moto need them then.
os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "testing"
os.environ["SECRET_KEY"] = "only-for-tests-0123456789-0123456789-0123456789-abcdef"

from project.settings import *  # noqa: E402, F403

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, so that worker processes of a test see it too.
    DATABASES["default"]["TEST"] = {  # noqa: F405
        "NAME": f"{tempfile.gettempdir()}/holdfast-tests-{os.getpid()}.sqlite3"
    }
    # No test cuts the power: what is with the operating system need not be on the disk.
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"  # noqa: F405
SQS_ENDPOINT_URL = ""  # moto answers in process for Amazon's own address
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
AXES_ENABLED = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True  # tests collect no static files
