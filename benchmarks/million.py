"""As many dead letters as are asked for: some were really pulled, the database copies them.

A copy differs from its template in its ids and its reference, also inside its body, and in
its times. So whatever pulling writes today is what is copied, and a million takes minutes.
"""

import json
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.core.management.color import no_style
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import AutoField, Count, DateTimeField, Field, Max, Min, Model, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from benchmarks.backlog import orders
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    FailureCount,
    FailureGroup,
    Revision,
)
from dlq_review.pull import new_letters
from processing.events.contracts import EmailRequested, SignupRequested
from processing.events.envelope import Event
from processing.models import Attempt, Outcome, UnderReview
from processing.sqs.message import Message
from processing.sqs.topology import EVENT_QUEUES, QUEUES

TEMPLATES = 1_000
GROUPS = 200
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
#: In percent. CLAIMED is a matter of seconds, so it is rare.
_STATES = (
    *("open",) * 60,
    *("quarantined",) * 3,
    "claimed",
    *("redriven",) * 4,
    *("resolved",) * 27,
    *("discarded",) * 5,
)


def load(letters: int) -> None:
    """Have *letters* dead letters, in thousands, where there are fewer."""
    if not DeadLetter.objects.exists():
        logging.disable(logging.WARNING)  # each group is a new failure
        _pull_templates()
        logging.disable(logging.NOTSET)
    there = DeadLetter.objects.count() // TEMPLATES
    if letters <= there * TEMPLATES:
        return
    with connection.cursor() as cursor:
        with _later_indexes(cursor):
            for model in _TABLES:
                cursor.execute(_copy(model), [there, letters // TEMPLATES - 1])
        for sql in connection.ops.sequence_reset_sql(no_style(), list(_TABLES)):
            cursor.execute(sql)
        _recount()
        cursor.execute("VACUUM ANALYZE" if _is_postgres() else "ANALYZE")


def _pull_templates() -> None:
    chance = random.Random(7)  # noqa: S311 - the same every time
    now = timezone.now()
    for start in range(0, TEMPLATES, 10):
        numbers = range(start, start + 10)
        new_letters.begin_new([_message(number, chance, now) for number in numbers])
    for letter in DeadLetter.objects.order_by("pk"):
        state = _STATES[chance.randrange(100)]
        if letter.state == "quarantined":
            state = "quarantined"
        letter.state = state
        letter.redrives = int(state in ("redriven", "resolved"))
        letter.redriven_at = letter.last_failed_at if letter.redrives else None
        letter.save()
        if state == "resolved":
            Outcome.objects.create(
                request_id=letter.request_id,
                kind=Outcome.Kind.PROCESSED,
                type=letter.type,
                fingerprint=letter.body_fingerprint,
                correlation_id=letter.correlation_id,
            )
        if state not in DeadLetter.WAITING:
            UnderReview.objects.filter(request_id=letter.request_id).delete()


def _message(number: int, chance: random.Random, now: datetime) -> Message:
    """One of 200 failures, the first of them often and the last of them seldom."""
    kind = int(GROUPS * chance.random() ** 3)
    event = _event(number, EVENT_QUEUES[kind % len(EVENT_QUEUES)])
    failed_at = now - timedelta(seconds=chance.randrange(1, 1200))
    error = f"{_name(kind // 5)}Error"
    attempt = Attempt.objects.create(
        request_id=event.id,
        queue=event.queue,
        message_id=event.id,
        receive_count=3,
        type=event.type,
        permanent=False,
        error_type=error,
        error_text=f"The {_name(kind)} of {event.data.reference} is not known.",
        traceback=f'File "processing/handlers/orders.py", line {kind}\n' * 8,
        place=f"processing/{event.queue}.py:step_{kind}",
        started_at=failed_at,
        duration_ms=12,
        worker="bench",
        release=f"r{kind % 3}",
    )
    reason = {
        "error_type": error,
        "error_text": attempt.error_text,
        "failed_at": failed_at.isoformat(),
    }
    broken = kind % 50 == 49
    return Message(
        queue=QUEUES[event.queue].dlq,
        id=event.id,
        body=event.body[:-1] if broken else event.body,
        receipt_handle="",
        receive_count=4,
        sent_at=failed_at,
        attributes={
            "correlation_id": event.id,
            "failure": json.dumps({**reason, "request_id": event.id}),
        },
    )


def _event(number: int, queue: str) -> Event:
    if queue == "orders":
        return orders(1)[0]
    address = f"{_name(number)}@example.com"
    if queue == "signups":
        return Event.new(SignupRequested(email=address, name=_name(number)))
    text = f"Dear {_name(number)}, {' '.join(map(_name, range(number, number + 20)))}"
    return Event.new(EmailRequested(recipient=address, subject="Hello", body=text))


def _name(number: int) -> str:
    """A word without a digit, so that it tells errors apart."""
    letters = "BDFGKLMNPRST"
    return "".join(
        letters[number // len(letters) ** digit % len(letters)] + vowel
        for digit, vowel in enumerate("aio")
    )


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
    names = (*sums, *seen)
    by_group = DeadLetter.objects.order_by().values("group_id")
    for group, *found in by_group.annotate(**sums, **seen).values_list(
        "group_id", *names
    ):
        FailureGroup.objects.filter(pk=group).update(
            **dict(zip(names, found, strict=True))
        )
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
