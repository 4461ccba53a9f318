"""Idle: what the processes ask of SQS while nothing happens, as calls in 30 days.

Worker, jobs and beat run as the Procfile starts them. The clock starts once beat has sent
each of its jobs, which it does at its start even if there is nothing to do.
"""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

from benchmarks.children import running
from benchmarks.surroundings import Surroundings, wait_until
from processing.sqs.topology import QUEUES
from project.beat import LOOKS

MONTH = 30 * 24 * 3600  # seconds
_CELERY = ("celery", "-A", "project")
_WORKER = ("worker", "--without-gossip", "--without-mingle", "--without-heartbeat")
PROCESSES = {
    "worker": (*_CELERY, *_WORKER, "--exclude-queues", "jobs", "-lINFO"),
    "jobs": (*_CELERY, *_WORKER, "--queues", "jobs", "-lINFO"),
    "beat": (*_CELERY, "beat", "-lINFO"),
}


@dataclass(frozen=True, slots=True)
class Idle:
    """Calls to SQS in a month."""

    jobs: float
    """One SendMessage each."""
    polls: float
    """Long polls of the workers; those that brought a job are among them."""
    others: float
    """Deletes of the jobs, and what the pull asks of the DLQs."""


FIGURES = {"jobs": "jobs", "polls": "polls", "others": "other calls"}


def measure(around: Surroundings, *, seconds: float) -> Idle:
    with ExitStack() as stack:
        beat = [
            stack.enter_context(running(name, *command, env={}, folder=around.folder))
            for name, command in PROCESSES.items()
        ][-1]
        sent = {"pull", *LOOKS}
        wait_until(
            lambda: all(_was_sent(name, beat.log) for name in sent),
            beat.check,
            patience=120,  # the purge is first sent after a minute
        )
        calls, began = _calls(around), perf_counter()
        sleep(seconds)
        calls = _calls(around) - calls
        a_month = MONTH / (perf_counter() - began)
    polls = sum(calls[name, "ReceiveMessage"] for name in QUEUES)
    jobs = calls["jobs", "SendMessage"]
    others = calls.total() - jobs - polls
    return Idle(jobs * a_month, polls * a_month, others * a_month)


def _was_sent(name: str, log: Path) -> bool:
    return f"Sending due task {name} " in log.read_text(errors="replace")


def _calls(around: Surroundings) -> Counter[tuple[str, str]]:
    names = [name for queue in QUEUES.values() for name in (queue.name, queue.dlq)]
    return Counter(
        {
            (name, action): number
            for name in names
            for action, number in around.calls(name).items()
        }
    )
