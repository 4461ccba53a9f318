"""The database that one process of the tests has migrated, for the others.

To migrate takes some seconds in each process, and to copy a database does not.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import psycopg
from django.db import connection
from psycopg.sql import SQL, Identifier

from tests.databases import server


class Database:
    """That of this process. The other processes wait until it is shared."""

    def __init__(self, shared: Path, lock: IO[str]) -> None:
        self.shared = shared
        self._lock = lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.is_copied = shared.exists()
        if self.is_copied:
            self.copy()

    def share(self) -> None:
        if not self.is_copied:
            self.make_shared()
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    @property
    def is_there(self) -> bool:
        """Whether Django finds it, and need not make it."""
        raise NotImplementedError

    def copy(self) -> None:
        """Make it from the shared one."""
        raise NotImplementedError

    def make_shared(self) -> None:
        """Make the shared one from it."""
        raise NotImplementedError

    def remove(self) -> None:
        """Whatever Django leaves."""
        raise NotImplementedError


class SqliteDatabase(Database):
    def __init__(self, shared: Path, lock: IO[str]) -> None:
        self._own = Path(connection.settings_dict["TEST"]["NAME"])
        super().__init__(shared, lock)

    @property
    def is_there(self) -> bool:
        return self.is_copied

    def copy(self) -> None:
        _copy(self.shared, self._own)

    def make_shared(self) -> None:
        _copy(self._own, self.shared)

    def remove(self) -> None:
        """Django leaves a database that it has not made, and the files beside one."""
        for more in ("", "-wal", "-shm") if self.is_copied else ("-wal", "-shm"):
            Path(f"{self._own}{more}").unlink(missing_ok=True)


class PostgresDatabase(Database):
    """The shared one is a template, which PostgreSQL copies; *shared* tells that it is there."""

    is_there = False

    def __init__(self, shared: Path, lock: IO[str]) -> None:
        self._template = f"test_{connection.settings_dict['NAME']}_migrated"
        super().__init__(shared, lock)

    def copy(self) -> None:
        connection.settings_dict["TEST"]["TEMPLATE"] = self._template

    def make_shared(self) -> None:
        connection.close()
        own, template = connection.settings_dict["NAME"], self._template
        make = SQL("CREATE DATABASE {} TEMPLATE {}")
        with server() as one:
            self._drop(one)  # that of a run that was killed
            one.execute(make.format(Identifier(template), Identifier(own)))
        self.shared.touch()

    def remove(self) -> None:
        """Behind this, a process that comes late migrates a database of its own."""
        if self.is_copied:
            return
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.shared.unlink(missing_ok=True)
        with server() as one:
            self._drop(one)

    def _drop(self, one: psycopg.Connection) -> None:
        one.execute(
            SQL("DROP DATABASE IF EXISTS {}").format(Identifier(self._template))
        )


@contextmanager
def database(folder: Path) -> Iterator[Database | None]:
    """None for one process alone on PostgreSQL. *folder* is that of all of this run."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    kind = SqliteDatabase if connection.vendor == "sqlite" else PostgresDatabase
    if run is None and kind is PostgresDatabase:
        yield None
        return
    run = run or str(os.getpid())
    with (folder / f"{run}.lock").open("w") as lock:
        found = kind(folder / f"{run}.migrated", lock)
        yield found
        found.remove()


def _copy(found: Path, to: Path) -> None:
    with closing(sqlite3.connect(found)) as one, closing(sqlite3.connect(to)) as other:
        one.backup(other)
