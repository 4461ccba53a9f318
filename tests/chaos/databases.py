"""A database of the run's own, and ways to take it away."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

from tests.chaos.faults import HANGING
from tests.database_proxy import DatabaseProxy

LOCAL = "postgres://postgres@127.0.0.1:5432/postgres"


class Postgres:
    """Made on the server that *url* names, and dropped again."""

    kind = "PostgreSQL"
    faults = ("database away", "database connections reset", HANGING)

    def __init__(self, server: str, name: str) -> None:
        self._server = server
        self._name = name
        self._run(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"))
        self._run(SQL("CREATE DATABASE {}"))
        parts = urlsplit(server)._replace(path=f"/{name}")
        self.url = urlunsplit(parts)
        self._proxy = DatabaseProxy(parts.hostname or "127.0.0.1", parts.port or 5432)
        login, at, _ = parts.netloc.rpartition("@")
        here = f"{login}{at}127.0.0.1:{self._proxy.port}"
        self.fragile_url = urlunsplit(parts._replace(netloc=here))
        """The system's; the harness itself asks without the proxy."""

    @contextmanager
    def away(self) -> Iterator[None]:
        self._run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false"))
        self.reset()
        try:
            yield
        finally:
            self._run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true"))

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and gives no answers."""
        self._proxy.hang()
        try:
            yield
        finally:
            self._proxy.go_on()

    def reset(self) -> None:
        with psycopg.connect(_plain(self._server), autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s",
                [self._name],
            )

    def drop(self) -> None:
        self._proxy.stop()
        self._run(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"))

    def _run(self, statement: SQL) -> None:
        with psycopg.connect(_plain(self._server), autocommit=True) as server:
            server.execute(statement.format(Identifier(self._name)))


class BusyError(Exception):
    """A process has the lock, and keeps it if it is frozen."""


class SQLite:
    kind = "SQLite"
    faults = ("database locked", HANGING)

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = self.fragile_url = f"sqlite:///{path}"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody else can write. Raises BusyError while somebody else has the lock."""
        other = sqlite3.connect(self._path, timeout=1, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            other.close()
            raise BusyError from error
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()

    def hanging(self) -> AbstractContextManager[None]:
        """Only its lock can hang, and that for longer."""
        return self.away()

    def reset(self) -> None:
        """There is no connection to reset."""

    def drop(self) -> None:
        """It stays with the logs of its run."""


def answers(server: str) -> bool:
    try:
        psycopg.connect(_plain(server), connect_timeout=1).close()
    except psycopg.Error:
        return False
    return True


def database_for(server: str, seed: int, folder: Path) -> Postgres | SQLite:
    """On *server* (`sqlite` for none); by default on this machine's PostgreSQL, if any."""
    wanted = not server.startswith("sqlite")
    if wanted and answers(server or LOCAL):
        return Postgres(server or LOCAL, f"holdfast_chaos_{seed}_{int(time.time())}")
    if wanted and server:
        raise SystemExit(f"No PostgreSQL answers at {server}.")
    return SQLite(folder / "chaos.sqlite3")


def _plain(url: str) -> str:
    return url.replace("postgres://", "postgresql://", 1)
