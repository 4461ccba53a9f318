"""Processing, receipts and the desk with a short history and with a long one: ten million
outcomes and a million attempts (`--only history --outcomes 10000 10000000`).

An outcome stays for HISTORY_DAYS, because it is the claim that keeps a request from taking
effect twice. So nothing that is asked for often may take longer with the long history.
"""

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from time import perf_counter

from django.db import connection
from django.db.models import AutoField, Field, Model
from django.test import Client, override_settings
from django.utils import timezone

from benchmarks import backlog, million, scale
from dlq_review.letters import retention
from dlq_review.models import DeadLetter
from processing.delivery import processor, sets
from processing.events.envelope import Event
from processing.models import Attempt, Outcome
from processing.receipts import Receipt
from processing.sqs.message import Message

_LETTERS = 1_000  # at the desk, beside both
_OUTCOMES_FOR_AN_ATTEMPT = 10  # only a failed delivery leaves an attempt
_SET = 10  # events of one poll
_TYPE = "order_created"
#: The first part of the request ids of each table's rows; the number of the row follows.
_IDS = {
    Outcome: "01900000-0000-7000-8000-",
    Attempt: "01900000-0000-7000-9000-",
}
_TEMPLATE = "template"
_NAMES = {"request_id", "correlation_id", "message_id"}


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds of one call; *cpu* is that of this process and of its database."""

    median: float
    cpu: float


def compare(database: str, sizes: list[int], requests: int) -> None:
    """Load and measure each of *sizes*, in outcomes, and print them beside each other."""
    found = [_measure(size, requests) for size in sizes]
    print(f"\nF  The length of the history, {database}, ms in process")
    print(f"{'outcomes':>30}", *(f"{size:>20,}" for size in sizes))
    heads = f"{'median':>12}{'CPU':>8}"
    print(f"{'':>30}", *(heads for _ in sizes), f"{'ratio':>8}{'CPU':>7}")
    for name, last in found[-1].items():
        print(f"{name:>30}", end=" ")
        for figures in found:
            print(f"{figures[name].median:>12.2f}{figures[name].cpu:>8.2f}", end=" ")
        first = found[0][name]
        print(f"{last.median / first.median:>8.2f}{last.cpu / first.cpu:>7.2f}")


@override_settings(STORAGES=scale.STORAGES, STATIC_ROOT="static")
def _measure(outcomes: int, requests: int) -> dict[str, Figure]:
    attempts = outcomes // _OUTCOMES_FOR_AN_ATTEMPT
    start = perf_counter()
    million.load(_LETTERS)
    _load(Outcome, outcomes)
    _load(Attempt, attempts)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if _is_postgres() else "ANALYZE")
    print(f"  {outcomes:>11,} outcomes, loaded in {perf_counter() - start:.0f} s")
    logging.disable(logging.WARNING)
    try:
        works = [*processing(requests), *_receipts(outcomes, attempts), *_pages()]
        return {name: _timed(work, requests) for name, work in works}
    finally:
        logging.disable(logging.NOTSET)


def _load(model: type[Model], rows: int) -> None:
    """Have *rows* rows of history, where there are fewer: copies of one that is stored."""
    prefix = _IDS[model]
    there = model._default_manager.filter(request_id__startswith=prefix).count()
    if not there:
        _store_template(model)
    with connection.cursor() as cursor:
        cursor.execute(_copy(model), [there, rows - 1])


def outcome_id(number: int) -> str:
    """The request id of that row of history."""
    return f"{_IDS[Outcome]}{number:012d}"


def _store_template(model: type[Model]) -> None:
    if model is Outcome:
        Outcome.objects.create(
            request_id=_TEMPLATE,
            kind=Outcome.Kind.PROCESSED,
            type=_TYPE,
            fingerprint="0123456789abcdef" * 4,
            correlation_id=_TEMPLATE,
            made={"order": "ORD-0123456789"},
        )
        return
    Attempt.objects.create(
        request_id=_TEMPLATE,
        queue="orders",
        message_id=_TEMPLATE,
        receive_count=1,
        type=_TYPE,
        permanent=False,
        error_type="SupplierError",
        error_text="The supplier did not answer.",
        traceback='File "processing/handlers/orders.py", line 7\n' * 20,
        started_at=timezone.now(),
        duration_ms=12,
        worker="bench",
        release="r1",
    )


def _copy(model: type[Model]) -> str:
    """The statement that copies the template for each number of a range."""
    fields = [
        field
        for field in model._meta.concrete_fields
        if not isinstance(field, AutoField)
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(_value(model, field) for field in fields)
    return (
        "WITH RECURSIVE series(n) AS "  # noqa: S608 - names of our own
        "(SELECT %s UNION ALL SELECT n + 1 FROM series WHERE n < %s) "
        f"INSERT INTO {model._meta.db_table} ({columns}) SELECT {values} "
        f"FROM series, {model._meta.db_table} t WHERE t.request_id = '{_TEMPLATE}'"
    )


def _value(model: type[Model], field: Field) -> str:
    if field.name not in _NAMES:
        return f't."{field.column}"'
    number = "substr(CAST(1000000000000 + n AS text), 2)"
    return f"'{_IDS[model]}' || {number}"


def processing(requests: int) -> Iterator[tuple[str, Callable[[], object]]]:
    calls = requests + 2 * scale.WARM_UP
    alone = iter(backlog.orders(calls))
    together = iter(
        [[_message(event) for event in backlog.orders(_SET)] for _ in range(calls)]
    )
    yield "process an order", lambda: processor.process(next(alone))
    yield f"process {_SET} orders, a set", lambda: _process_set(next(together))


def _process_set(messages: list[Message]) -> None:
    done = sum(len(ended) for ended in sets.process(messages))
    if done != len(messages):
        raise RuntimeError(f"{done} of {len(messages)} were processed.")


def _message(event: Event) -> Message:
    return Message(
        queue=event.queue,
        id=event.id,
        body=event.body,
        receipt_handle="",
        receive_count=1,
        sent_at=event.timestamp,
        attributes={},
    )


def _receipts(
    outcomes: int, attempts: int
) -> Iterator[tuple[str, Callable[[], object]]]:
    chance = random.Random(7)  # noqa: S311 - the same every time

    def one_of(model: type[Model], most: int) -> Callable[[], object]:
        return lambda: Receipt(
            f"{_IDS[model]}{chance.randrange(most):012d}", _TYPE
        ).status()

    yield "receipt, done", one_of(Outcome, outcomes)
    yield "receipt, tried before", one_of(Attempt, attempts)
    yield "receipt, nothing known", Receipt("0" * 36, _TYPE).status


def _pages() -> Iterator[tuple[str, Callable[[], object]]]:
    client = scale.staff_client()
    letter = DeadLetter.objects.filter(state="open").latest("pk")
    known = outcome_id(7)
    for name, url in (
        ("overview", "/admin/"),
        ("letters", "/admin/dlq_review/deadletter/"),
        ("letters, search id", f"/admin/dlq_review/deadletter/?q={letter.request_id}"),
        ("letter", f"/admin/dlq_review/deadletter/{letter.pk}/change/"),
        ("outcomes", "/admin/processing/outcome/"),
        ("outcomes, search id", f"/admin/processing/outcome/?q={known}"),
        ("attempts", "/admin/processing/attempt/"),
        ("attempts, search id", f"/admin/processing/attempt/?q={letter.request_id}"),
        ("orders", "/admin/processing/order/"),
    ):
        yield name, _got(client, url)
    yield "a purge with nothing to do", _purge_nothing


def _purge_nothing() -> None:
    retention.purge(timezone.now() - timedelta(days=90))


def _got(client: Client, url: str) -> Callable[[], object]:
    return lambda: scale.get(client, url)


def _timed(work: Callable[[], object], calls: int) -> Figure:
    for _ in range(scale.WARM_UP):
        work()
    begun, seconds = scale.cpu_seconds(), []
    for _ in range(calls):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    spent = scale.cpu_seconds() - begun
    return Figure(1000 * median(seconds), 1000 * spent / calls)


def _is_postgres() -> bool:
    return connection.vendor == "postgresql"
