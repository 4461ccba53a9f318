"""One SendMessageBatch of five events: curl, as we send, beside boto3.

Both ask the same SQS server in turns. Processor time is that of this process, which only
sends, so it tells what a call takes from the process that also answers requests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Any

from benchmarks import backlog
from processing.events.attributes import Attributes
from processing.sqs import entries, queues

_EVENTS = 5
_CALLS = 100  # of one round


@dataclass(frozen=True, slots=True)
class Called:
    cpu_ms: float
    ms: float


FIGURES = {"cpu_ms": "CPU ms/call", "ms": "ms/call"}


def compare(*, rounds: int) -> dict[str, Called]:
    """Medians by side."""
    batch = {
        "QueueUrl": queues.url("orders"),
        "Entries": [
            {"Id": str(number), **entries.of_event(event, Attributes(), "orders")}
            for number, event in enumerate(backlog.orders(_EVENTS))
        ],
    }
    sides: dict[str, Any] = {
        "ours": queues.sender().send_message_batch,
        "boto3": queues.client().send_message_batch,
    }
    found: dict[str, list[Called]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, send in sides.items():
            found[name].append(_measure(send, batch))
    queues.client().purge_queue(QueueUrl=queues.url("orders"))
    return {name: _median(results[1:]) for name, results in found.items()}


def _measure(send: Callable[..., Any], batch: dict[str, Any]) -> Called:
    cpu, began = process_time(), perf_counter()
    for _ in range(_CALLS):
        send(**batch)
    return Called(
        cpu_ms=(process_time() - cpu) * 1000 / _CALLS,
        ms=(perf_counter() - began) * 1000 / _CALLS,
    )


def _median(results: list[Called]) -> Called:
    return Called(*(median(getattr(one, name) for one in results) for name in FIGURES))
