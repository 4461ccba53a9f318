"""Accepting while SQS is healthy, slow or away: POST /api/orders behind a proxy that breaks it.

Nobody waits longer than the send budget, and nobody is refused: what SQS does not take in
time is spooled. Each state is measured from its first moment, so that the slowest answers
are those of whoever found out.
"""

from dataclasses import dataclass
from statistics import quantiles

from benchmarks.accept import Site, load, site
from benchmarks.surroundings import Surroundings
from processing import circuit_breaker
from processing.models import SpooledEvent
from processing.sqs import queues, send_batcher
from tests.fault_proxy import Fault, FaultProxy

#: What one request may wait for SQS at the very most.
BUDGET_MS = send_batcher.BUDGET * 1000
SLOW = Fault("slow", pause=2, times=10**9)
WARM_UP = 1  # seconds


@dataclass(frozen=True, slots=True)
class Accepted:
    per_second: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    spooled: float
    """Per cent of what was accepted."""


FIGURES = {
    "per_second": "accepted/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "longest_ms": "longest ms",
    "spooled": "% by the spool",
}


def measure(
    around: Surroundings, *, clients: int, seconds: float, workers: int, threads: int
) -> dict[str, Accepted]:
    """By state of SQS. *seconds* is how long each state lasts."""
    proxy = FaultProxy(int(around.endpoint.rpartition(":")[2]))
    behind = {"SQS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
    with site(around, "ours", "project.settings", workers, threads, behind) as server:
        load(server, clients, WARM_UP)
        found = {"healthy": _measure(server, clients, seconds)}
        proxy.inject(SLOW)
        found["slow"] = _measure(server, clients, seconds)
        proxy.heal()
        load(server, 2, circuit_breaker.PAUSE + 1)  # then SQS is trusted again
        proxy.stop()
        found["down"] = _measure(server, clients, seconds)
    queues.client().purge_queue(QueueUrl=queues.url("orders"))
    return found


def _measure(server: Site, clients: int, seconds: float) -> Accepted:
    spooled = SpooledEvent.objects.count()
    latencies, spent = load(server, clients, seconds)
    cuts = quantiles(latencies, n=100)
    return Accepted(
        per_second=len(latencies) / spent,
        p50_ms=cuts[49],
        p99_ms=cuts[98],
        longest_ms=max(latencies),
        spooled=(SpooledEvent.objects.count() - spooled) * 100 / len(latencies),
    )
