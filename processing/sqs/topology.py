"""The queues, declared once.

Celery's `predefined_queues`, the publisher, the puller, `ensure_queues` and the system
checks all read this table. It imports nothing of ours and does no input or output.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

DAY = 24 * 3600  # seconds
MAX_MESSAGE_BYTES = (
    1024 * 1024
)  # SQS: body and attributes of one message, or of a batch


@dataclass(frozen=True, slots=True)
class Queue:
    """One source queue and its dead-letter queue. All times are seconds.

    `time_limit` stays below `visibility_timeout`, so that a message is not delivered again
    while it is handled. A DLQ keeps messages for 14 days, the longest that SQS allows.
    """

    name: str
    visibility_timeout: int = 60
    time_limit: int = 50
    retention: int = 4 * DAY
    dlq_retention: int = 14 * DAY
    dlq_visibility_timeout: int = 30  # SQS's default; 0 would hide no message
    fifo: bool = False
    """Events of one group are processed in the order sent; the setting FIFO_QUEUES."""

    @property
    def dlq(self) -> str:
        return f"{self.name}-dlq"

    @property
    def suffix(self) -> str:
        """The suffix that SQS requires for the names of a FIFO queue and its DLQ."""
        return ".fifo" if self.fifo else ""

    @property
    def soft_time_limit(self) -> int:
        """The task is told to stop five seconds before it is killed."""
        return self.time_limit - 5


QUEUES = {
    queue.name: queue
    for queue in (
        Queue("orders", visibility_timeout=300),
        Queue("signups"),
        Queue("returns"),
        Queue("emails", time_limit=30),
        # Repair work has a queue of its own, so it never waits behind what it repairs.
        Queue("jobs", visibility_timeout=300, time_limit=240, retention=DAY),
    )
}
EVENT_QUEUES = tuple(name for name in QUEUES if name != "jobs")


class UnknownQueueError(ValueError):
    """FIFO_QUEUES names a queue that does not exist."""


def declare_fifo(names: Iterable[str]) -> None:
    """Make these queues FIFO. Settings call it, before anything else reads the table.

    Raises UnknownQueueError.
    """
    for name in names:
        if name not in QUEUES:
            raise UnknownQueueError(
                f"FIFO_QUEUES names {name!r}; the queues are {', '.join(QUEUES)}."
            )
        QUEUES[name] = replace(QUEUES[name], fifo=True)


SOURCE_OF = {queue.dlq: queue.name for queue in QUEUES.values()}
