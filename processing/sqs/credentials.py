"""The credentials for calls to SQS, fetched by a thread beside the calls.

boto3 asks a provider (a role, a token file, a command) when a call needs credentials, waits
as long as the provider takes, and never asks again if there were none at the start. Here a
thread asks: at the start, well before they expire, when AWS refuses them, and every REST
seconds while there are none. A call uses the current credentials or fails at once.
"""

import logging
import os
import subprocess
import threading
from dataclasses import dataclass
from math import inf
from time import monotonic, sleep, time
from typing import Any

from botocore.config import Config
from botocore.credentials import Credentials, ProcessProvider, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.session import Session

logger = logging.getLogger(__name__)

REST = 5.0  # seconds between two looks, at least
REFRESH = 15 * 60  # seconds before the end; of what lasts less than twice that, half
PATIENCE = 5.0  # seconds from the start in which a call waits for the first look
LONGEST_COMMAND = 10.0  # seconds that a credential_process may take
_ASKING = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


class CredentialsError(BotoCoreError):
    """There are no credentials just now; they are looked for."""

    fmt = "{error}"


class Steady(Credentials):
    """Fixed credentials, for a server of our own."""

    def within(self, patience: float) -> ReadOnlyCredentials:
        return self.get_frozen_credentials()

    def doubt(self) -> None:
        """Do nothing: fixed credentials cannot be renewed."""


@dataclass(frozen=True, slots=True)
class _Found:
    keys: ReadOnlyCredentials
    ends_at: float  # Unix time

    @property
    def is_good(self) -> bool:
        return time() < self.ends_at


class Kept(Steady):
    """The credentials of one process. boto3 and curl sign with them."""

    def __init__(self, like: "Kept | None" = None) -> None:
        """*like* are the credentials of the parent process."""
        super().__init__("", "")
        self.pid = os.getpid()
        self._found: _Found | None = like._found if like else None
        self._reason: str = like._reason if like else "not found yet"
        self._began: float = like._began if like else monotonic()
        self._first_look = threading.Event()
        self._wake = threading.Event()
        self._is_closed = False
        threading.Thread(target=self._run, name="credentials", daemon=True).start()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self.within(PATIENCE)

    def within(self, patience: float) -> ReadOnlyCredentials:
        """Raises CredentialsError. Waits only for the first look, until *patience* seconds
        after the start."""
        found = self._found
        if found is None or not found.is_good:
            self._first_look.wait(max(0.0, self._began + patience - monotonic()))
            found = self._found
        if found is None or not found.is_good:
            raise CredentialsError(error=self._reason)
        return found.keys

    def doubt(self) -> None:
        """AWS refused the credentials: fetch others soon."""
        self._wake.set()

    def close(self) -> None:
        self._is_closed = True
        self._wake.set()

    def _run(self) -> None:
        while not self._is_closed:
            self._look()
            looked_at = monotonic()
            self._first_look.set()
            if self._wake.wait(self._seconds_to_next()):
                # Each refused call wakes this thread, and there may be many.
                sleep(max(0.0, looked_at + REST - monotonic()))
            self._wake.clear()

    def _look(self) -> None:
        try:
            self._found, reason = _look(), ""
        except Exception as error:  # any error of a provider
            reason = type(error).__name__
        if reason != self._reason:
            level = logging.ERROR if reason else logging.INFO
            logger.log(level, "credentials=%s", reason or "found")
        self._reason = reason

    def _seconds_to_next(self) -> float | None:
        if self._reason or self._found is None:
            return REST
        if self._found.ends_at == inf:
            return None
        left = self._found.ends_at - time()
        return max(1.0, left - REFRESH if left > 2 * REFRESH else left / 2)


_kept: Kept | None = None
_lock = threading.Lock()


def of_this_process() -> Kept:
    global _kept
    with _lock:
        if _kept is None or _kept.pid != os.getpid():
            _kept = Kept(like=_kept)
        return _kept


class Provider:
    """Replaces botocore's chain of providers: the client signs with *credentials*."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Credentials:
        return self._credentials


def _look() -> _Found:
    """Ask all providers again, as boto3 does at the start. Raises their errors."""
    session = Session()
    session.set_default_client_config(_ASKING)
    command = ProcessProvider(
        profile_name=session.profile or "default",
        load_config=lambda: session.full_config,
        popen=_Command,
    )
    chain: Any = session.get_component("credential_provider")
    chain.insert_before(ProcessProvider.METHOD, command)
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    keys = credentials.get_frozen_credentials()
    if not (keys.access_key and keys.secret_key):
        raise NoCredentialsError
    expiry = getattr(credentials, "_expiry_time", None)
    return _Found(keys, expiry.timestamp() if expiry else inf)


class _Command(subprocess.Popen[bytes]):
    """A credential_process with a time limit."""

    def communicate(self, *_: Any, **__: Any) -> tuple[bytes, bytes]:
        try:
            return super().communicate(timeout=LONGEST_COMMAND)
        except subprocess.TimeoutExpired:
            self.kill()
            with self:  # closes what it had open
                raise
