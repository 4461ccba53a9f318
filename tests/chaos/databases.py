"""A database of the run's own, and ways to take it away."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

LOCAL = "postgres://postgres@127.0.0.1:5432/postgres"


class Postgres:
    """Made on the server that *url* names, and dropped again."""

    kind = "PostgreSQL"
    faults = ("database away", "database connections reset")

    def __init__(self, server: str, name: str) -> None:
        self._server = server
        self._name = name
        self._run(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"))
        self._run(SQL("CREATE DATABASE {}"))
        self.url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))

    @contextmanager
    def away(self) -> Iterator[None]:
        self._run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false"))
        self.reset()
        try:
            yield
        finally:
            self._run(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true"))

    def reset(self) -> None:
        with psycopg.connect(_plain(self._server), autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s",
                [self._name],
            )

    def drop(self) -> None:
        self._run(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"))

    def _run(self, statement: SQL) -> None:
        with psycopg.connect(_plain(self._server), autocommit=True) as server:
            server.execute(statement.format(Identifier(self._name)))


class SQLite:
    kind = "SQLite"
    faults = ("database locked",)

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody else can write."""
        other = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()

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
