"""The panels of a dashboard, as one list. cloudwatch.py and grafana.py draw theirs of it.

CloudWatch has a panel only for what it is told: SQS's own metrics, and the lines that workers
write with METRICS_EMF.
"""

from dataclasses import dataclass

from processing.infrastructure.alarms import SQS


@dataclass(frozen=True, slots=True)
class Line:
    """Lines of a Grafana panel: the samples of *promql*, each called *legend*."""

    legend: str  # {{label}} is the value of a label
    promql: str


@dataclass(frozen=True, slots=True)
class Told:
    """Lines of a CloudWatch panel: statistics of *metric*."""

    metric: str
    statistics: tuple[str, ...] = ("Maximum",)
    namespace: str = SQS
    dlq: bool = False  # SQS's metric of the DLQ, not of its source
    dimensions: tuple[str, ...] = ("Prefix",)  # of a metric of ours


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    unit: str  # as Grafana names it: s, short, or cps for a second
    lines: tuple[Line, ...]
    cloudwatch: Told | None = None
    alarm: str = ""  # whose bound is drawn


OF_DELIVERIES = ("Prefix", "Queue", "Status")
EACH_QUEUE = "{{queue}}"


def _of_queue(gauge: str) -> tuple[Line, ...]:
    return (Line(EACH_QUEUE, f"max by (queue) ({gauge})"),)


def _quantiles(histogram: str) -> tuple[Line, ...]:
    return tuple(
        Line(
            f"{EACH_QUEUE} p{share}",
            f"histogram_quantile(0.{share}, sum by (le, queue)"
            f" (rate({histogram}_bucket[5m])))",
        )
        for share in (50, 95)
    )


PANELS = (
    Panel(
        "Deliveries", "cps",
        (
            Line(
                "{{queue}} {{status}}",
                "sum by (queue, status) (rate(holdfast_messages_processed_total[5m]))",
            ),
        ),
        Told("MessagesProcessed", ("Sum",), "Holdfast", dimensions=OF_DELIVERIES),
    ),
    Panel(
        "Processing time, p50 and p95", "s",
        _quantiles("holdfast_processing_duration_seconds"),
        Told("ProcessingDuration", ("p50", "p95"), "Holdfast", dimensions=OF_DELIVERIES),
    ),
    Panel(
        "Wait in the queue, p50 and p95", "s", _quantiles("holdfast_queue_wait_seconds")
    ),
    Panel(
        "Workers", "short", _of_queue("holdfast_workers"),
    ),
    Panel(
        "Oldest message", "s", _of_queue("holdfast_queue_oldest_seconds"),
        Told("ApproximateAgeOfOldestMessage"), alarm="age",
    ),
    Panel(
        "Messages that wait", "short", _of_queue("holdfast_queue_messages"),
        Told("ApproximateNumberOfMessagesVisible"), alarm="depth",
    ),
    Panel(
        "Messages in flight", "short", _of_queue("holdfast_queue_in_flight"),
        Told("ApproximateNumberOfMessagesNotVisible"),
    ),
    Panel(
        "Messages in a DLQ", "short", _of_queue("holdfast_dlq_messages"),
        Told("ApproximateNumberOfMessagesVisible", dlq=True), alarm="dlq",
    ),
    Panel(
        "Time until SQS drops a message", "s",
        (
            Line(
                EACH_QUEUE, "min by (queue) (holdfast_queue_seconds_until_dropped)"
            ),
        ),
    ),
    Panel(
        "Unaccounted requests: the books", "short",
        (Line("{{reason}}", "max by (reason) (holdfast_unaccounted)"),),
        Told("Unaccounted", namespace="Holdfast"), alarm="unaccounted",
    ),
    Panel(
        "Dead letters that are not settled", "short",
        (
            Line(
                "{{queue}} {{state}}",
                'max by (queue, state) (holdfast_dead_letters{state!="settled"})',
            ),
        ),
        Told("OpenDeadLetters", namespace="Holdfast"),
    ),
    Panel(
        "Dead letters that arrive", "short",
        (
            Line(
                EACH_QUEUE,
                "sum by (queue) (increase(holdfast_dead_letters_arrived_total[5m]))",
            ),
        ),
        Told("NumberOfMessagesReceived", ("Sum",), dlq=True),
    ),
    Panel(
        "Repairs, in an hour", "short",
        (Line("{{outcome}}", "sum by (outcome) (increase(holdfast_repairs_total[1h]))"),),
    ),
    Panel(
        "Accepted requests", "cps",
        (Line("{{outcome}}", "sum by (outcome) (rate(holdfast_accepted_total[5m]))"),),
    ),
    Panel(
        "Spool", "short",
        (
            Line("waits", "max(holdfast_spool_events)"),
            Line("refused by SQS", "max(holdfast_spool_refused)"),
            Line(
                "sends held back in 5 minutes",
                "sum(increase(holdfast_circuit_open_total[5m]))",
            ),
        ),
        Told("SpooledEvents", namespace="Holdfast"), alarm="circuit",
    ),
    Panel(
        "Messages that wait for the archive", "short",
        (Line("waits", "max(holdfast_archive_waiting)"),),
        Told("ArchiveWaiting", namespace="Holdfast"),
    ),
    Panel(
        "Calls to SQS for each event", "short",
        (
            Line(
                "calls",
                "sum(rate(holdfast_sqs_calls_total[1h]))"
                ' / sum(rate(holdfast_messages_processed_total{queue!="jobs"}[1h]))',
            ),
        ),
    ),
    Panel(
        "Time since the jobs were seen", "s",
        (Line("jobs", "time() - max(holdfast_jobs_seen_timestamp_seconds)"),),
        alarm="silent",
    ),
)  # fmt: skip
