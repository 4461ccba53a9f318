"""A database that refuses one statement of a step: each in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from django.db import OperationalError, connection
from django.db.models import Model


def assert_whole_or_not_at_all(
    step: Callable[[], object], *tables: type[Model], least: int
) -> None:
    """Take *step*, which makes *least* statements or more, until none of them fails.

    What fails at any of them has changed no row of *tables*.
    """
    was = _rows(tables)
    for at in count():
        if not _fails(step, at):
            break
        assert _rows(tables) == was, f"statement {at}"
    assert at >= least
    assert _rows(tables) != was


def _rows(tables: tuple[type[Model], ...]) -> list[dict[str, Any]]:
    return [row for one in tables for row in one._base_manager.order_by("pk").values()]


def _fails(step: Callable[[], object], at: int) -> bool:
    """Take *step*, whose statement number *at* fails; False if it has fewer."""
    with _failing(at) as failed:
        try:
            step()
        except OperationalError:
            assert failed()
        else:
            assert not failed(), "the error was swallowed"
    return failed()


@contextmanager
def _failing(at: int) -> Iterator[Callable[[], bool]]:
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
