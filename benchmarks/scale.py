"""The triage desk with ten thousand dead letters and with a million: each screen, a freeze,
and how fast letters come in and go out.

Screens are asked for in process, by a test client that is logged in as staff.
"""

import logging
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from urllib.parse import urlencode

from django.db import connection
from django.db.models import F
from django.db.models.functions import Mod
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from benchmarks import backlog
from benchmarks.million import load
from dlq_review.models import DeadLetter, FailureGroup, Operation, OperationItem
from dlq_review.operations import control, runner
from dlq_review.operations.plans import Plan, freeze
from dlq_review.pull import puller
from dlq_review.search.keyset_pages import Cursor
from dlq_review.search.selections import Selection
from processing.models import User
from processing.sqs.topology import QUEUES

FROZEN = 100_000  # letters of an operation
_MOVED = 500  # letters pulled, and redriven
_PAGE_200 = 199 * 50 - 1  # the letter that page 199 ends with
WARM_UP = 3
#: No file is served here, so none is collected first.
STORAGES = {
    name: {"BACKEND": f"django.{path}"}
    for name, path in (
        ("default", "core.files.storage.InMemoryStorage"),
        ("staticfiles", "contrib.staticfiles.storage.StaticFilesStorage"),
    )
}
_LETTERS = "/admin/dlq_review/deadletter/"
_GROUPS = "/admin/dlq_review/failuregroup/"
_OPERATIONS = "/admin/dlq_review/operation/"


@dataclass(frozen=True, slots=True)
class Screen:
    median: float
    """Milliseconds, as p95 and cpu."""
    p95: float
    cpu: float
    """Of this process and of its database, which other work on the machine slows less."""
    queries: int


def compare(database: str, sizes: list[int], requests: int) -> None:
    """Load and measure each of *sizes*, then print them beside each other."""
    found = [_measure(size, requests) for size in sizes]
    print(f"\nD  The triage desk, {database}, ms in process, {requests} requests each")
    print(
        f"{'letters':>26}", *(f"{size:>23,}" for size in sizes), f"{'p50':>8}{'CPU':>6}"
    )
    heads = f"{'p50':>9}{'p95':>8}{'CPU':>7}"
    print(f"{'':>26}", *(heads for _ in sizes), f"{'ratio':>8}{'ratio':>6}  queries")
    for name, last in found[-1].items():
        print(f"{name:>26}", end=" ")
        for screens in found:
            one = screens[name]
            print(f"{one.median:>9.1f}{one.p95:>8.1f}{one.cpu:>7.1f}", end=" ")
        first = found[0][name]
        print(f"{last.median / first.median:>8.2f}{last.cpu / first.cpu:>6.2f}", end="")
        print(f"{last.queries:>9}")
    for what, value in _work():
        print(f"{what:>60} {value:>10,.1f}")


@override_settings(STORAGES=STORAGES, STATIC_ROOT="static")
def _measure(letters: int, requests: int) -> dict[str, Screen]:
    start = perf_counter()
    load(letters)
    print(f"  {letters:>9,} letters, loaded in {perf_counter() - start:.0f} s")
    client = staff_client()
    return {name: _look(client, url, requests) for name, url in _screens()}


def staff_client() -> Client:
    staff, _ = User.objects.get_or_create(
        username="bench", is_staff=True, is_superuser=True
    )
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(staff)
    return client


def _screens() -> Iterator[tuple[str, str]]:
    letter = DeadLetter.objects.filter(state="open").latest("pk")
    group = FailureGroup.objects.latest("waiting")
    yield "overview", "/admin/"
    yield "groups", _GROUPS
    yield "one group", f"{_GROUPS}{group.pk}/change/"
    yield from _lists(letter, group)
    yield from _searches(letter)
    yield "letter", f"{_LETTERS}{letter.pk}/change/"
    yield "edit", f"{_LETTERS}{letter.pk}/edit/"
    yield "new operation", f"{_OPERATIONS}new/?group={group.pk}"
    for name, operation in (
        ("operation, preview", _operation()),
        ("operation, progress", _half_done(_operation())),
    ):
        yield name, f"{_OPERATIONS}{operation.pk}/change/"
    yield "operations", _OPERATIONS
    yield "audit trail", "/admin/dlq_review/auditentry/"
    yield "request", f"/admin/request/{letter.request_id}/"
    yield from _finds(letter)


def _finds(letter: DeadLetter) -> Iterator[tuple[str, str]]:
    """The box of the header, and the page to which it leads."""
    for what, value in (
        ("request id", letter.request_id),
        ("correlation id", letter.correlation_id),
        ("order id", letter.reference),
        ("message id", letter.arrivals.latest("pk").message_id),
    ):
        yield f"find, {what}", f"/admin/find/?q={value}"


def _lists(letter: DeadLetter, group: FailureGroup) -> Iterator[tuple[str, str]]:
    yield "list", _LETTERS
    for state in (*DeadLetter.State.values, "all"):
        yield f"list, {state}", f"{_LETTERS}?state={state}"
    for name, value in (
        ("queue", letter.queue),
        ("type", letter.type),
        ("error", letter.error_type),
        ("group", group.pk),
        ("since", "1h"),
        ("since", "14d"),
    ):
        yield f"list, {name} {value}"[:24], f"{_LETTERS}?{name}={value}"
    yield "list, queue, all states", f"{_LETTERS}?queue=orders&state=all"
    offset = min(_PAGE_200, DeadLetter.objects.count() - 51)
    deep = Cursor.of(DeadLetter.objects.all()[offset])
    yield "list, page 200", f"{_LETTERS}?state=all&{urlencode({'before': deep})}"


def _searches(letter: DeadLetter) -> Iterator[tuple[str, str]]:
    for what, value in (
        ("id", letter.request_id),
        ("reference", letter.reference),
        ("error", letter.error_type),
        ("a body's own word", f'"{letter.reference}"'),
        ("a common word", "order"),
    ):
        yield f"search, {what}", f"{_LETTERS}?q={value}"


def _operation() -> Operation:
    return freeze(Selection(), Plan(limit=FROZEN), by="bench", reason="measured")


def _half_done(operation: Operation) -> Operation:
    """As it is while it runs: some of its items in each state."""
    control.start(operation, by="bench")
    states = OperationItem.State.values
    for number, state in enumerate(states):
        operation.items.alias(turn=Mod(F("letter_id"), len(states))).filter(
            turn=number
        ).update(state=state)
    return operation


def _look(client: Client, url: str, requests: int) -> Screen:
    for _ in range(WARM_UP):
        get(client, url)
    begun = cpu_seconds()
    times = sorted(_seconds(lambda: get(client, url)) for _ in range(requests))
    spent = cpu_seconds() - begun
    with CaptureQueriesContext(connection) as captured:
        get(client, url)
    return Screen(
        median=1000 * times[len(times) // 2],
        p95=1000 * times[int(len(times) * 0.95)],
        cpu=1000 * spent / requests,
        queries=len(captured),
    )


def cpu_seconds() -> float:
    """Seconds of processor time; of the database too, where it is on this machine."""
    if connection.vendor != "postgresql":
        return process_time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return process_time()
    ticks = sum(map(int, stat.rpartition(")")[2].split()[11:13]))
    return process_time() + ticks / os.sysconf("SC_CLK_TCK")


def get(client: Client, url: str) -> None:
    answer = client.get(url, follow=True)
    if answer.status_code != 200:
        raise RuntimeError(f"{url} answered {answer.status_code}")


def _work() -> Iterator[tuple[str, float]]:
    """What the desk does beside showing, with all those letters there."""
    logging.disable(logging.WARNING)
    spent = _seconds(_operation)
    frozen = Operation.objects.latest("pk").total
    yield f"freeze {frozen:,} letters, s", spent
    dlq = QUEUES["orders"].dlq
    backlog.send(dlq, backlog.orders(_MOVED))
    newest = DeadLetter.objects.latest("pk").pk
    spent = _seconds(lambda: puller.pull([dlq]))
    yield "pull, messages/s", _MOVED / spent
    pulled = DeadLetter.objects.filter(pk__gt=newest).values_list("pk", flat=True)
    selection = Selection(ids=[str(number) for number in pulled])
    operation = freeze(selection, Plan(rate=500), by="bench", reason="measured")
    control.start(operation, by="bench")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent = _seconds(lambda: _send_all(operation))
    yield "redrive, messages/s", _MOVED / spent
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield "more memory at its peak while it ran, KiB", after - before


def _send_all(operation: Operation) -> None:
    while operation.items.filter(state=OperationItem.State.WAITING).exists():
        runner.run(operation, seconds=1)


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start
