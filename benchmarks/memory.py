"""Memory: what each process takes at rest and after many events, and whether it grows.

The figure is the proportional set size (PSS) of a process and its children: memory that n
processes share counts 1/n in each, so that the figures add up. Web, worker, jobs and beat run
as the Procfile starts them. Clients post orders, the worker processes them, and every few
seconds the memory is looked at.

Caches fill at first, so the growth is the slope of the second half of the run. A process
that grows by more than TOLERATED leaks, and the run exits with 1.
"""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import linear_regression
from time import monotonic, sleep

from benchmarks import backlog
from benchmarks.accept import site
from benchmarks.children import Child, running
from benchmarks.idle import PROCESSES
from benchmarks.surroundings import Surroundings, wait_until
from processing.models import Outcome
from processing.sqs import queues

TOLERATED = 1.0  # MiB a minute, of one process and its children
EACH = 2  # seconds between two looks
CLIENTS = 4
PUBLISHED = 1_000  # orders between two looks; what the clients post is one order again
CROWDED = 2_000  # messages on the queue above which the clients pause
WORKERS, THREADS = 2, 8  # of the web server


@dataclass(slots=True)
class Memory:
    """Of one line of the Procfile, in MiB."""

    at_rest: float
    looks: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the begin, and MiB."""

    @property
    def after(self) -> float:
        return self.looks[-1][1]

    @property
    def growth(self) -> float:
        """MiB a minute, over the second half of the run."""
        late = self.looks[len(self.looks) // 2 :]
        return linear_regression(*zip(*late, strict=True)).slope * 60


FIGURES = {
    "at_rest": "MiB at rest",
    "after": "MiB after the run",
    "growth": "MiB a minute",
}


def watch(around: Surroundings, *, seconds: float, events: int) -> dict[str, Memory]:
    """Run for *seconds*, and on until *events* were processed; print how many were."""
    with ExitStack() as stack:
        settings = "project.settings"
        web = stack.enter_context(site(around, "ours", settings, WORKERS, THREADS))
        children = {"web": web.server} | {
            name: stack.enter_context(
                running(name, *command, env={}, folder=around.folder)
            )
            for name, command in PROCESSES.items()
        }
        for child in (children["worker"], children["jobs"]):
            wait_until(partial(_is_ready, child), child.check)
        sleep(5)  # for what a process does at its start
        found = {name: Memory(child.pss()) for name, child in children.items()}
        before = Outcome.objects.count()
        took = _run(web.port, children, found, seconds, before + events)
        print(f"  {Outcome.objects.count() - before:,} events in {took:.0f} s")
    return found


def _is_ready(child: Child) -> bool:
    return " ready." in child.log.read_text(errors="replace")


def _run(
    port: int,
    children: dict[str, Child],
    found: dict[str, Memory],
    seconds: float,
    outcomes: int,
) -> float:
    """The seconds it took until there were *outcomes*, at least *seconds*."""
    began = monotonic()
    while (now := monotonic() - began) < seconds or Outcome.objects.count() < outcomes:
        depth = queues.depth("orders")
        if depth.visible + depth.in_flight < CROWDED:
            backlog.publish("orders", backlog.orders(PUBLISHED))
            _post(port)
        else:
            sleep(EACH)
        for name, child in children.items():
            child.check()
            found[name].looks.append((now, child.pss()))
    return now


def _post(port: int) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.clients"),
            *(str(port), "/api/orders", str(CLIENTS), str(EACH)),
        ],
        check=True,
        capture_output=True,
    )


def leaks(found: dict[str, Memory]) -> Sequence[str]:
    """One sentence for each process that grows."""
    return [
        f"{name} grows by {memory.growth:.1f} MiB a minute"
        for name, memory in found.items()
        if memory.growth > TOLERATED
    ]
