"""Insert many rows of a model, on PostgreSQL by COPY.

For Django's `bulk_create` the driver writes each value into the text of the statement, which
took half of the processor time of a pull, two to five times what COPY takes. COPY knows no `ON
CONFLICT`: a row that is there already is an IntegrityError, as with `bulk_create`.
"""

import functools
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from django.db import connection, models

#: The driver writes the values of these fields as they are.
_PLAIN = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.BooleanField,
    models.DateTimeField,
    models.UUIDField,
    models.ForeignKey,
)


def insert(rows: Sequence[models.Model]) -> None:
    """Insert *rows*, all of one model and new; they are not told their keys."""
    if rows:
        _insert(rows, keys=[])


def insert_and_number(rows: Sequence[models.Model]) -> None:
    """Like `insert`, and each of *rows* gets its key, which rises in their order."""
    if rows:
        keys = _keys(type(rows[0]), len(rows)) if _copies() else []
        _insert(rows, keys)


def _copies() -> bool:
    return connection.vendor == "postgresql"


def _insert(rows: Sequence[models.Model], keys: Sequence[int]) -> None:
    model = type(rows[0])
    if not _copies():
        model._default_manager.bulk_create(rows)
        return
    for row, key in zip(rows, keys, strict=bool(keys)):
        row.pk = key
    quote = connection.ops.quote_name
    read = _readers(model)
    names = [name for name in read if keys or name != model._meta.pk.column]
    readers = [read[name] for name in names]
    columns = ", ".join(map(quote, names))
    to = f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(to) as copy,
    ):
        for row in rows:
            copy.write_row([of(row) for of in readers])
    for row in rows:
        row._state.adding = False
        row._state.db = connection.alias


def _keys(model: type[models.Model], number: int) -> list[int]:
    table, column = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [table, column, number],
        )
        return [key for (key,) in cursor.fetchall()]


@functools.cache
def _readers(
    model: type[models.Model],
) -> dict[str, Callable[[models.Model], Any]]:
    """How each column of *model* is read from a row."""
    return {str(field.column): _reader(field) for field in model._meta.concrete_fields}


def _reader(field: Any) -> Callable[[models.Model], Any]:
    def prepared(row: models.Model) -> Any:
        return field.get_db_prep_save(field.pre_save(row, add=True), connection)

    stamps = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    if isinstance(field, _PLAIN) and not stamps:
        return attrgetter(field.attname)
    return prepared
