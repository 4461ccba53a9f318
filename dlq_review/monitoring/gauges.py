"""The gauges: figures of the whole system, which a job measures and web processes show.

Each has a closed set of labels; docs/metrics.md lists them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dlq_review.models import DeadLetter, Operation
from dlq_review.monitoring.books import DISCREPANCIES
from processing.sqs.topology import QUEUES

Labels = Mapping[str, Sequence[str]]
S = DeadLetter.State
SETTLED = "settled"
OPERATION_STATES = (Operation.State.RUNNING, Operation.State.PAUSED)
LETTER_STATES = (S.OPEN, S.QUARANTINED, S.CLAIMED, S.REDRIVEN)


@dataclass(frozen=True, slots=True)
class Gauge:
    name: str
    meaning: str
    labels: Labels = field(default_factory=dict)


OF_QUEUE: Labels = {"queue": tuple(QUEUES)}
ALL = {
    gauge.name: gauge
    for gauge in (
        Gauge("holdfast_queue_messages", "Messages that wait on the queue.", OF_QUEUE),
        Gauge(
            "holdfast_queue_in_flight", "Messages that workers have received.", OF_QUEUE
        ),
        Gauge("holdfast_dlq_messages", "Messages in the DLQ of the queue.", OF_QUEUE),
        Gauge(
            "holdfast_queue_oldest_seconds",
            "About how long the oldest message has waited on the queue; 0 if none waits.",
            OF_QUEUE,
        ),
        Gauge(
            "holdfast_queue_seconds_until_dropped",
            "At least so long until SQS drops a message of the queue or its DLQ.",
            OF_QUEUE,
        ),
        Gauge(
            "holdfast_workers",
            "Workers that take from the queue and were seen in the last 150 s.",
            OF_QUEUE,
        ),
        Gauge("holdfast_spool_events", "Events in the spool that wait to be sent."),
        Gauge("holdfast_spool_refused", "Events in the spool that SQS never takes."),
        Gauge(
            "holdfast_spool_oldest_seconds", "Age of the oldest that waits; 0 if none."
        ),
        Gauge(
            "holdfast_dead_letters",
            "Dead letters. Settled ones are resolved or discarded.",
            {**OF_QUEUE, "state": (*LETTER_STATES, SETTLED)},
        ),
        Gauge(
            "holdfast_dead_letters_oldest_seconds",
            "How long the oldest dead letter has waited for staff; 0 if none waits.",
            OF_QUEUE,
        ),
        Gauge(
            "holdfast_dead_letters_near_limit",
            "Waiting dead letters that SQS would drop within a day; the desk keeps them.",
            OF_QUEUE,
        ),
        Gauge(
            "holdfast_redriven_overdue",
            "Redriven dead letters without an outcome for REDRIVE_OVERDUE_SECONDS.",
        ),
        Gauge(
            "holdfast_operations",
            "Operations of staff on many dead letters that have not ended.",
            {"state": OPERATION_STATES},
        ),
        Gauge(
            "holdfast_archive_waiting",
            "Pulled messages that the archive does not have yet, at most 10,000; 0 without"
            " ARCHIVE_BUCKET.",
        ),
        Gauge("holdfast_alerts_waiting", "Deliveries of alerts that wait."),
        Gauge(
            "holdfast_unaccounted",
            "Requests that left one place and did not reach the next in time: the books."
            " 0 while nothing is lost.",
            {"reason": tuple(DISCREPANCIES)},
        ),
        Gauge(
            "holdfast_jobs_seen_timestamp_seconds",
            "When the worker of the jobs last measured the gauges, as Unix time.",
        ),
    )
}
