"""As many dead letters as are asked for: some were really pulled, the database copies them.

A copy differs from its template in its ids and its reference, also inside its body, and in
its times. So whatever pulling writes today is what is copied, and a million takes minutes.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.color import no_style
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import AutoField, Count, DateTimeField, Field, Max, Min, Model, Q
from django.db.models.functions import TruncHour

from benchmarks.templates import TEMPLATES, pull_templates
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    FailureCount,
    FailureGroup,
    Revision,
)
from processing.database.patience import of_this_process
from processing.models import Attempt, Outcome, UnderReview

_DAYS = 14
#: Every table with a row or more for each letter.
_TABLES: tuple[type[Model], ...] = (
    DeadLetter,
    Revision,
    Arrival,
    AuditEntry,
    Attempt,
    Outcome,
    UnderReview,
)
#: What names one letter: a copy gets its own.
_NAMES = {"request_id", "correlation_id", "reference", "message_id"}


def load(letters: int) -> None:
    """Have *letters* dead letters, in thousands, where there are fewer."""
    if not DeadLetter.objects.exists():
        logging.disable(logging.WARNING)  # each group is a new failure
        pull_templates()
        logging.disable(logging.NOTSET)
    there = DeadLetter.objects.count() // TEMPLATES
    if letters <= there * TEMPLATES:
        return
    # A page that was measured before has left the limits of a web server.
    of_this_process.statement = 0
    connection.close()
    with connection.cursor() as cursor:
        with _later_indexes(cursor):
            for model in _TABLES:
                cursor.execute(_copy(model), [there, letters // TEMPLATES - 1])
        for sql in connection.ops.sequence_reset_sql(no_style(), list(_TABLES)):
            cursor.execute(sql)
        _recount()
        cursor.execute("VACUUM ANALYZE" if _is_postgres() else "ANALYZE")


def _copy(model: type[Model]) -> str:
    """The statement that copies the templates of *model* for each number of a range."""
    fields = [
        field
        for field in model._meta.concrete_fields
        if model is DeadLetter or not isinstance(field, AutoField)
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(map(_value, fields))
    to_letter = any(field.name == "letter" for field in fields)
    joined = "l.id = t.letter_id" if to_letter else "l.request_id = t.request_id"
    return (
        "WITH RECURSIVE copy(n) AS "  # noqa: S608 - names of our own
        "(SELECT %s UNION ALL SELECT n + 1 FROM copy WHERE n < %s) "
        f"INSERT INTO {model._meta.db_table} ({columns}) SELECT {values} "
        f"FROM copy, {model._meta.db_table} t JOIN dlq_review_deadletter l ON {joined} "
        f"WHERE l.id <= {TEMPLATES}"
    )


def _value(field: Field) -> str:
    column = f't."{field.column}"'
    if field.name in ("id", "letter"):
        return f"{column} + n * {TEMPLATES}"
    if field.name in _NAMES:
        return f"n || '-' || {column}"
    if field.name == "body":
        own = f"replace({column}, l.request_id, n || '-' || l.request_id)"
        return f"replace({own}, l.reference, n || '-' || l.reference)"
    if isinstance(field, DateTimeField):
        minutes = f"(n * 7919 %% {_DAYS * 24 * 60})"
        if _is_postgres():
            return f"{column} - {minutes} * interval '1 minute'"
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', {column}, '-' || {minutes} || ' minutes')"
    return column


@contextmanager
def _later_indexes(cursor: CursorWrapper) -> Iterator[None]:
    """Make the indexes after the rows, which takes a third of the time."""
    tables = [model._meta.db_table for model in _TABLES]
    made = []
    if _is_postgres():
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) "
            "AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
            [tables],
        )
        made = cursor.fetchall()
    for name, _ in made:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _, definition in made:
        cursor.execute(definition)


def _recount() -> None:
    """The kept counters, from the letters that are there now."""
    sums = {
        name: Count("pk", filter=Q(state__in=states))
        for name, states in (
            ("waiting", DeadLetter.WAITING),
            ("redriven", (DeadLetter.State.REDRIVEN,)),
            ("settled", DeadLetter.SETTLED),
        )
    }
    seen = {"first_seen": Min("first_failed_at"), "last_seen": Max("last_failed_at")}
    by_group = DeadLetter.objects.order_by().values("group_id")
    counted = by_group.annotate(**sums, **seen)
    names = (*sums, *seen)
    for group, *found in counted.values_list("group_id", *names):
        kept = dict(zip(names, found, strict=True))
        FailureGroup.objects.filter(pk=group).update(**kept)
    _recount_hours()


def _recount_hours() -> None:
    FailureCount.objects.all().delete()
    hours = (
        DeadLetter.objects.order_by()
        .values_list("group_id", TruncHour("last_failed_at"))
        .annotate(Count("pk"))
    )
    FailureCount.objects.bulk_create(
        [
            FailureCount(group_id=group, hour=hour, arrivals=arrivals)
            for group, hour, arrivals in hours
        ],
        batch_size=5_000,
    )


def _is_postgres() -> bool:
    return connection.vendor == "postgresql"
