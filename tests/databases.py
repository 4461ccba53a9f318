"""Databases that a test puts between the system and its own, or takes away."""

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from django.db import connection
from psycopg.sql import SQL, Identifier

from tests.database_proxy import DatabaseProxy
from tests.live import database_url


def through(database: DatabaseProxy) -> dict[str, str]:
    login, _, name = database_url().rpartition("@")
    name = name.partition("/")[2]
    return {"DATABASE_URL": f"{login}@127.0.0.1:{database.port}/{name}"}


def database_away() -> AbstractContextManager[None]:
    """Every connection to the test database ends, and no new one is let in."""
    return _altered("ALLOW_CONNECTIONS false", back="ALLOW_CONNECTIONS true")


def read_only_database() -> AbstractContextManager[None]:
    """Nobody can write to the test database, in any connection."""
    name = "default_transaction_read_only"
    return _altered(f"SET {name} = on", back=f"RESET {name}")


@contextmanager
def _altered(change: LiteralString, *, back: LiteralString) -> Iterator[None]:
    """*change* holds for all connections to the test database, which are new ones."""
    connection.close()
    name = connection.settings_dict["NAME"]
    alter = SQL("ALTER DATABASE {} ").format(Identifier(name))
    with server() as found:
        found.execute(alter + SQL(change))
        _disconnect_all(found, name)
        try:
            yield
        finally:
            found.execute(alter + SQL(back))
            connection.close()


def pg_dump(dump: Path) -> None:
    subprocess.run(
        ["pg_dump", "--format=custom", f"--file={dump}", database_url()], check=True
    )


@contextmanager
def restored(dump: Path) -> Iterator[str]:
    """A new database, made from *dump*; its address."""
    name = f"{connection.settings_dict['NAME']}_restored"
    url = f"{database_url().rpartition('/')[0]}/{name}"
    drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name))
    with server() as found:
        found.execute(drop)
        found.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        command = ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}"]
        subprocess.run([*command, dump], check=True)
        try:
            yield url
        finally:
            found.execute(drop)


def connected(name: str = "") -> psycopg.Connection:
    """Another connection, to the database *name* or to the test database."""
    found = connection.settings_dict
    return psycopg.connect(
        user=found["USER"],
        password=found["PASSWORD"] or None,
        host=found["HOST"],
        port=found["PORT"] or 5432,
        dbname=name or found["NAME"],
    )


def sql_flush(*_: object, **__: object) -> list[str]:
    """Empty all tables, as TRUNCATE does, which makes hundreds of files for it.

    It waits, too, for what a process that was killed has begun.
    """
    found = connection.introspection.django_table_names(
        only_existing=True, include_views=False
    )
    tables = [connection.ops.quote_name(table) for table in found]
    lock = f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"
    return ["; ".join([lock, *(f"DELETE FROM {table}" for table in tables)])]  # noqa: S608


@contextmanager
def server() -> Iterator[psycopg.Connection]:
    """A connection that makes and drops databases."""
    with connected("postgres") as found:
        found.autocommit = True
        yield found


def _disconnect_all(server: psycopg.Connection, name: str) -> None:
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
        [name],
    )
