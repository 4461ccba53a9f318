"""Databases that a test puts between the system and its own, or takes away."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from tests.database_proxy import DatabaseProxy
from tests.live import database_url


def through(database: DatabaseProxy) -> dict[str, str]:
    login, _, name = database_url().rpartition("@")
    name = name.partition("/")[2]
    return {"DATABASE_URL": f"{login}@127.0.0.1:{database.port}/{name}"}


@contextmanager
def database_away() -> Iterator[None]:
    """Every connection to the test database ends, and no new one is let in."""
    found = connection.settings_dict
    connection.close()
    login = {"user": found["USER"], "password": found["PASSWORD"] or None}
    where = {"host": found["HOST"], "port": found["PORT"] or 5432, "dbname": "postgres"}
    name = psycopg.sql.Identifier(found["NAME"])
    allow = psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(**login, **where, autocommit=True) as server:
        server.execute(allow.format(name, psycopg.sql.SQL("false")))
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [found["NAME"]],
        )
        try:
            yield
        finally:
            server.execute(allow.format(name, psycopg.sql.SQL("true")))
