"""The SQLite database that one process of the tests has migrated, for the others.

To migrate takes some seconds in each process, and to copy a file does not.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from django.db import connection


class Database:
    """That of this process. The other processes wait until it is shared."""

    def __init__(self, own: Path, shared: Path, lock: IO[str]) -> None:
        self._own = own
        self._shared = shared
        self._lock = lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.is_copied = shared.exists()
        if self.is_copied:
            _copy(shared, own)

    def share(self) -> None:
        if not self.is_copied:
            _copy(self._own, self._shared)
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def remove(self) -> None:
        """Django leaves a database that it has not made, and the files beside one."""
        for more in ("", "-wal", "-shm") if self.is_copied else ("-wal", "-shm"):
            Path(f"{self._own}{more}").unlink(missing_ok=True)


@contextmanager
def database(folder: Path) -> Iterator[Database | None]:
    """None on PostgreSQL. *folder* is that of all processes of this run."""
    if connection.vendor != "sqlite":
        yield None
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    own = Path(connection.settings_dict["TEST"]["NAME"])
    with (folder / f"{run}.lock").open("w") as lock:
        found = Database(own, folder / f"{run}.sqlite3", lock)
        yield found
        found.remove()


def _copy(found: Path, to: Path) -> None:
    with closing(sqlite3.connect(found)) as one, closing(sqlite3.connect(to)) as other:
        one.backup(other)
