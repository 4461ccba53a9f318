"""Files that a machine keeps for itself, in VAR_DIR: nobody else on it may read them."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


class BrokenSecretError(ImproperlyConfigured):
    """{path} is empty or cut short. Delete it, and a new one is made at the next start."""

    def __init__(self, path: Path) -> None:
        super().__init__((type(self).__doc__ or "").format(path=path))


def make_private_folder(path: Path) -> None:
    """Make *path* for its owner only. One that is there already is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


def close_to_others(path: Path) -> None:
    """Remove the rights of group and others from *path*, if it exists and is ours."""
    with suppress(FileNotFoundError, PermissionError):
        if path.stat().st_mode & 0o077:
            path.chmod(path.stat().st_mode & 0o700)


def make_private_file(path: Path) -> None:
    """Make *path*, empty, for its owner only; close it to others when it is there."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    close_to_others(path)


def kept_secret(path: Path, size: int) -> str:
    """Read the secret in *path*; create it from *size* random bytes if there is none.

    If processes start together, one creates it, and none reads half of it. Raises
    BrokenSecretError.
    """
    if not path.exists():
        _write_whole(path, secrets.token_urlsafe(size))
    close_to_others(path)
    secret = path.read_text()
    if len(secret.strip()) < size:
        raise BrokenSecretError(path)
    return secret


def _write_whole(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)  # whole, or not at all
    finally:
        os.unlink(name)
