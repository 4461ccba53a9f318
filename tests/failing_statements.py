"""A database that refuses one statement of a step, whichever a test asks for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from django.db import OperationalError, connection


@contextmanager
def failing(at: int) -> Iterator[Callable[[], bool]]:
    """The database refuses statement number *at*; whether it came to that."""
    numbers = count()
    failed = False

    def refuse(execute: Any, sql: str, *more: Any) -> Any:
        nonlocal failed
        is_work = sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
        if is_work and next(numbers) == at:
            failed = True
            raise OperationalError("the database is away")
        return execute(sql, *more)

    with connection.execute_wrapper(refuse):
        yield lambda: failed
