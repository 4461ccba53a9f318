"""Processing: our worker beside a stock Celery worker and beside bare loops over boto3.

Every side finds the same backlog and does the same database work in as many processes. All
stay up through the run and take turns; a side is frozen while its backlog is sent,
so the clock starts with a full queue and a warm worker, and it stops at the last delete.

Commits are counted by PostgreSQL itself. A session reports them 10 s after its last one at the
latest, so they are counted for one backlog of each side, and apart from its time.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from math import nan
from statistics import median
from time import perf_counter, sleep

from django.db import connection

from benchmarks import backlog
from benchmarks.children import Child, cpu_of_sessions, running
from benchmarks.stock_celery import PREFETCH
from benchmarks.surroundings import Surroundings, make_queue, wait_until
from processing.events.envelope import Event
from processing.models import Outcome
from processing.sqs import queues

_WARM_UP = 60  # events
_COUNTED = 600  # events
_WORKER = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-lINFO")


@dataclass(frozen=True, slots=True)
class Processed:
    per_second: float
    cpu_ms: float
    calls: float
    """SQS requests for each event."""
    sqs_cpu_ms: float
    database_cpu_ms: float
    """0 of SQLite, which works inside the worker."""
    commits: float = nan
    """Transactions for each event; not known of SQLite."""

    @classmethod
    def median_of(cls, rounds: list["Processed"], commits: float) -> "Processed":
        names = [one.name for one in fields(cls) if one.name != "commits"]
        medians = {name: median(getattr(one, name) for one in rounds) for name in names}
        return cls(**medians, commits=commits)


FIGURES = {
    "per_second": "events/s",
    "cpu_ms": "worker CPU ms/event",
    "sqs_cpu_ms": "SQS server CPU ms/event",
    "database_cpu_ms": "PostgreSQL CPU ms/event",
    "calls": "SQS calls/event",
    "commits": "commits/event",
}
_REPORTED = 10.5  # seconds until a session that rests has told PostgreSQL's statistics


@dataclass(frozen=True, slots=True)
class Side:
    queue: str
    worker: Child
    send: Callable[[str, Iterable[Event]], None]
    writes: bool = True
    results: list[Processed] = field(default_factory=list)


def compare(
    around: Surroundings,
    *,
    events: int,
    rounds: int,
    concurrency: int,
    database_url: str = "",
) -> dict[str, Processed]:
    """Medians by side: ours, stock (its name ends with the prefetch multiplier), loops.

    *database_url* is where the workers find the database, if it is elsewhere for them.
    """
    env = {"DATABASE_URL": database_url} if database_url else {}
    with ExitStack() as stack:
        start = _Starter(around, stack, concurrency, env)
        ours = start.ours()
        stock = _best([start.stock(number) for number in PREFETCH], around, events)
        sides = {
            "ours": ours,
            stock.queue: stock,
            "bare loop": start.bare(database=True),
            "no database": start.bare(database=False),
        }
        for side in sides.values():
            _drain(side, around, _WARM_UP)
        for turn in range(rounds):
            for name, side in sides.items():
                result = _drain(side, around, events)
                side.results.append(result)
                print(f"  round {turn + 1}, {name}: {result.per_second:,.0f}/s")
        commits = _commits(sides, around) if around.database == "PostgreSQL" else {}
        return {
            name: Processed.median_of(side.results, commits.get(name, nan))
            for name, side in sides.items()
        }


def _commits(sides: dict[str, Side], around: Surroundings) -> dict[str, float]:
    """Commits for each event of a backlog, by side."""
    found = {}
    sleep(_REPORTED)
    for name, side in sides.items():
        before = _committed()
        _drain(side, around, _COUNTED)
        sleep(_REPORTED)
        found[name] = (_committed() - before) / _COUNTED
    return found


def _committed() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        )
        return int(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class _Starter:
    around: Surroundings
    stack: ExitStack
    concurrency: int
    env: dict[str, str]

    def ours(self) -> Side:
        worker = self._celery("ours-worker", "project", "orders")
        return Side("orders", worker, backlog.publish)

    def stock(self, prefetch: int) -> Side:
        queue = f"stock-celery-{prefetch}"
        make_queue(queue)
        multiplier = f"--prefetch-multiplier={prefetch}"
        worker = self._celery(queue, "benchmarks.stock_celery", queue, multiplier)
        return Side(queue, worker, backlog.delay)

    def bare(self, *, database: bool) -> Side:
        queue = "bare-loop" if database else "bare-loop-only"
        url = make_queue(queue)
        extra = () if database else ("--no-database",)
        number = str(self.concurrency)
        worker = self._run(queue, "benchmarks.bare_loop", url, number, *extra)
        return Side(queue, worker, backlog.send, writes=database)

    def _celery(self, name: str, app: str, queue: str, *more: str) -> Child:
        pool = (f"--concurrency={self.concurrency}", f"--queues={queue}")
        return self._run(name, "celery", "-A", app, "worker", *pool, *more, *_WORKER)

    def _run(self, name: str, *arguments: str) -> Child:
        return self.stack.enter_context(
            running(name, *arguments, env=self.env, folder=self.around.folder)
        )


def _best(candidates: list[Side], around: Surroundings, events: int) -> Side:
    """The quickest of *candidates*; the others are stopped."""
    speeds = []
    for side in candidates:
        _drain(side, around, _WARM_UP)
        speeds.append(_drain(side, around, events // 2).per_second)
        print(f"  trying {side.queue}: {speeds[-1]:,.0f}/s")
    best = candidates[speeds.index(max(speeds))]
    for side in candidates:
        if side is not best:
            side.worker.kill()
    return best


def _drain(side: Side, around: Surroundings, events: int) -> Processed:
    rows = Outcome.objects.count()
    side.worker.freeze()
    side.send(side.queue, backlog.orders(events))
    calls, before = _calls(side, around), _cpu(side, around)
    began = perf_counter()
    side.worker.thaw()
    wait_until(lambda: _is_empty(side.queue), side.worker.check)
    seconds = perf_counter() - began
    if side.writes and Outcome.objects.count() - rows != events:
        log = side.worker.log_end()
        raise RuntimeError(f"{side.queue}: not every event took effect once.\n{log}")
    used = zip(before, _cpu(side, around), strict=True)
    worker, sqs, database = ((after - at) * 1000 / events for at, after in used)
    return Processed(
        per_second=events / seconds,
        cpu_ms=worker,
        calls=(_calls(side, around) - calls) / events,
        sqs_cpu_ms=sqs,
        database_cpu_ms=database,
    )


def _cpu(side: Side, around: Surroundings) -> tuple[float, float, float]:
    """Seconds of processor time of the worker, the SQS server and PostgreSQL's sessions."""
    sessions = cpu_of_sessions(str(connection.settings_dict["NAME"]))
    return side.worker.cpu(), around.sqs.cpu(), sessions


def _is_empty(queue: str) -> bool:
    depth = queues.depth(queue)
    return depth.visible + depth.in_flight == 0


def _calls(side: Side, around: Surroundings) -> int:
    """Without the looks of `_is_empty` and what sends the backlog."""
    return sum(
        count
        for action, count in around.calls(side.queue).items()
        if action != "GetQueueAttributes" and not action.startswith("Send")
    )
