"""Rows are locked in a transaction of our code, not in the one that a test is rolled back with.

Django refuses a lock outside a transaction on PostgreSQL alone, and takes that of a test for
one. So a `transaction.atomic` that somebody drops would fail in production first.
"""

from typing import Any

from django.db import connection
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError

_as_sql = SQLCompiler.as_sql


def demand() -> None:
    """Call it once, before the tests."""
    SQLCompiler.as_sql = _checked  # type: ignore[method-assign]


def _checked(self: SQLCompiler, *args: Any, **kwargs: Any) -> Any:
    if self.query.select_for_update and not _in_ours():
        raise TransactionManagementError("Rows are locked outside a transaction.")
    return _as_sql(self, *args, **kwargs)


def _in_ours() -> bool:
    blocks: list[Any] = connection.atomic_blocks
    return any(not one._from_testcase for one in blocks)
