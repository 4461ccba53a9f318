"""Django's PostgreSQL backend, with a time limit in the client (see patience.py)."""

from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from processing.database.patience import of_this_process as patience

_CHECKS_CLIENT = 140000  # the version from which a server can see that nobody waits


class Connection(psycopg.Connection[Any]):
    def wait(self, gen: Any, *args: Any, **limits: Any) -> Any:
        limits.setdefault("timeout", patience.left())
        try:
            answer = super().wait(gen, *args, **limits)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()  # an answer that comes later must not be the next one's
            patience.not_answered()
            raise psycopg.OperationalError("The database gave no answer.") from None
        patience.answered()
        return answer


class DatabaseWrapper(base.DatabaseWrapper):
    # The driver's module as Django uses it, but with our connections.
    Database: Any = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        patience.check()
        try:
            return super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:
            patience.not_answered()
            raise

    def init_connection_state(self) -> None:
        super().init_connection_state()
        limits = []
        if patience.statement:
            limits.append(f"SET statement_timeout = '{patience.statement}s'")
        # A worker may close the connection, or be killed, while a statement waits for a
        # lock. The server would keep the claims of that transaction until the lock is free.
        if self.connection.info.server_version >= _CHECKS_CLIENT:
            limits.append("SET client_connection_check_interval = '2s'")
        if limits:
            self.connection.execute("; ".join(limits))

    def _cursor(self, name: str | None = None) -> Any:
        if self.connection is not None:
            patience.check()
        return super()._cursor(name)  # type: ignore[misc] # the stubs do not know it
