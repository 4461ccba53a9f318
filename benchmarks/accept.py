"""Accepting: our POST /api/orders beside a Django view that calls stock Celery's `.delay()`.

Ours stands behind its own web server, the other behind gunicorn; both have the same processes and
threads, ask the same SQS server and meet the same clients, in turns. Processor time is that of
the web server's processes alone.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median, quantiles

from benchmarks.children import Child, running
from benchmarks.surroundings import (
    Surroundings,
    free_port,
    is_open,
    make_queue,
    wait_until,
)
from processing.models import SpooledEvent
from processing.sqs import queues

WARM_UP = 0.3  # seconds
FIRST_WARM_UP = 4  # stock kombu makes an SQS client for each thread, 0.1 s each
STOCK = [
    *("gunicorn", "benchmarks.stock_wsgi"),
    *("--worker-class=gthread", "--keep-alive=75"),
]


@dataclass(frozen=True, slots=True)
class Site:
    """One of the two web servers; *queue* is where its view sends."""

    queue: str
    server: Child
    port: int


@dataclass(frozen=True, slots=True)
class Accepted:
    per_second: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    calls: float
    """SQS requests for each accepted request."""

    @classmethod
    def median_of(cls, rounds: list["Accepted"]) -> "Accepted":
        return cls(*(median(getattr(one, name) for one in rounds) for name in FIGURES))


FIGURES = {
    "per_second": "accepted/s",
    "cpu_ms": "CPU ms/request",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "calls": "SQS calls/request",
}


def compare(
    around: Surroundings,
    *,
    clients: list[int],
    rounds: int,
    seconds: float,
    workers: int,
    threads: int,
) -> dict[int, dict[str, Accepted]]:
    """By number of clients, then by side: medians of *rounds*."""
    make_queue("stock-celery")
    found = {}
    with ExitStack() as stack:
        settings = {
            "ours": "project.settings",
            "stock view": "benchmarks.stock_settings",
        }
        ours, stock = (
            stack.enter_context(site(around, name, module, workers, threads))
            for name, module in settings.items()
        )
        for side in (ours, stock):
            load(side, max(clients), FIRST_WARM_UP)
        for number in clients:
            found[number] = {
                side.server.name: Accepted.median_of(results)
                for side, results in _turns(
                    around, (ours, stock), number, rounds, seconds
                )
            }
            if spooled := SpooledEvent.objects.count():
                print(f"  {spooled} accepted by the spool so far, not by SQS")
    for queue in ("orders", "stock-celery"):  # nothing of this is for a worker
        queues.client().purge_queue(QueueUrl=queues.url(queue))
    return found


def _turns(
    around: Surroundings,
    sides: Sequence[Site],
    clients: int,
    rounds: int,
    seconds: float,
) -> list[tuple[Site, list[Accepted]]]:
    """Each of *sides* with its results; they take turns, so that both see the same machine."""
    results: list[tuple[Site, list[Accepted]]] = [(side, []) for side in sides]
    for turn in range(rounds):
        for side, measured in results:
            load(side, clients, WARM_UP)
            result = _measure(around, side, clients, seconds)
            measured.append(result)
            print(
                f"  {clients} clients, round {turn + 1}, {side.server.name}:"
                f" {result.per_second:,.0f}/s"
            )
    return results


@contextmanager
def site(
    around: Surroundings,
    name: str,
    settings: str,
    workers: int,
    threads: int,
    env: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """A web server of its own. *env* is put over what every process gets."""
    port = free_port()
    with running(
        name,
        *(["intake.web"] if name == "ours" else STOCK),
        f"--bind=127.0.0.1:{port}",
        f"--workers={workers}",
        f"--threads={threads}",
        env={"DJANGO_SETTINGS_MODULE": settings, **(env or {})},
        folder=around.folder,
    ) as server:
        wait_until(lambda: is_open(port), server.check)
        yield Site("orders" if name == "ours" else "stock-celery", server, port)


def _measure(
    around: Surroundings, site: Site, clients: int, seconds: float
) -> Accepted:
    calls, cpu = _sends(around, site), site.server.cpu()
    latencies, spent = load(site, clients, seconds)
    number = len(latencies)
    cuts = quantiles(latencies, n=100)
    return Accepted(
        per_second=number / spent,
        cpu_ms=(site.server.cpu() - cpu) * 1000 / number,
        p50_ms=cuts[49],
        p99_ms=cuts[98],
        calls=(_sends(around, site) - calls) / number,
    )


def load(site: Site, clients: int, seconds: float) -> tuple[list[float], float]:
    """Latencies in ms, and the seconds it took. Raises RuntimeError unless all were 202."""
    site.server.check()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.clients"),
            *(str(site.port), "/api/orders", str(clients), str(seconds)),
        ],
        check=True,
        capture_output=True,
    )
    answer = json.loads(done.stdout)
    if answer["refused"]:
        log = site.server.log_end()
        raise RuntimeError(f"{answer['refused']} answers were not 202:\n{log}")
    return answer["latencies"], answer["seconds"]


def _sends(around: Surroundings, site: Site) -> int:
    return sum(around.calls(site.queue).values())
