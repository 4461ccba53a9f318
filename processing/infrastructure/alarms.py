"""The alarms, as one list. cloudwatch.py and prometheus.py make theirs of it.

CloudWatch is told by SQS's own metrics of each queue and DLQ, and by the lines that workers
write with METRICS_EMF (processing/metrics/emf.py). Prometheus reads `/metrics`.
"""

from dataclasses import dataclass

OURS = "Holdfast"
SQS = "AWS/SQS"


@dataclass(frozen=True, slots=True)
class Watch:
    """CloudWatch's side: *statistic* of *metric* is beyond the bound, *times* periods in a row."""

    metric: str
    statistic: str
    period: int  # seconds
    times: int
    namespace: str = SQS
    dlq: bool = False  # SQS's metric of the DLQ, not of its source
    below: int | None = None  # sounds below this, and while nobody writes the metric


@dataclass(frozen=True, slots=True)
class Alarm:
    """Sounds while *promql* is above *above* for *minutes*."""

    name: str
    severity: str  # page: wake somebody; ticket: on the next working day
    sentence: str  # {queue} is the queue's name
    above: int
    cloudwatch: Watch
    promql: str  # of an alarm of each queue, one sample a queue
    minutes: int


OF_EACH_QUEUE = (
    Alarm(
        "depth", "page", "More than 1,000 messages wait on {queue}.", 1000,
        Watch("ApproximateNumberOfMessagesVisible", "Average", 300, 2),
        "max by (queue) (holdfast_queue_messages)", 10,
    ),
    Alarm(
        "age", "page",
        "A message on {queue} has waited longer than 300 s: its workers are too few or away.",
        300,
        Watch("ApproximateAgeOfOldestMessage", "Maximum", 60, 3),
        "max by (queue) (holdfast_queue_oldest_seconds)", 3,
    ),
    Alarm(
        "dlq", "ticket",
        "Messages lie in the DLQ of {queue}. Longer than 5 minutes: nobody pulls them.", 0,
        Watch("ApproximateNumberOfMessagesVisible", "Maximum", 60, 1, dlq=True),
        "max by (queue) (holdfast_dlq_messages)", 0,
    ),
    # CloudWatch looks once a minute, and the pull empties a DLQ every 30 s: most dead letters
    # are gone before they are seen. What the pull received is counted all the same.
    Alarm(
        "dead", "ticket", "A message of {queue} failed for good.", 0,
        Watch("NumberOfMessagesReceived", "Sum", 60, 1, dlq=True),
        "sum by (queue) (increase(holdfast_dead_letters_arrived_total[5m]))", 0,
    ),
    Alarm(
        "errors", "ticket", "More than 10 deliveries of {queue} failed in 5 minutes, twice.",
        10,
        Watch("MessagesProcessed", "Sum", 300, 2, OURS),
        "sum by (queue)"
        ' (increase(holdfast_messages_processed_total{status="failure"}[5m]))', 5,
    ),
)  # fmt: skip
OF_THE_SYSTEM = (
    # An idle system is measured every 4 minutes. Nobody at all is as bad as long ago.
    Alarm(
        "silent", "page",
        "For 5 minutes no repair worker has reported: is it running, and beat?", 300,
        Watch("OpenDeadLetters", "SampleCount", 60, 5, OURS, below=1),
        "time() - (max(holdfast_jobs_seen_timestamp_seconds) or vector(0))", 1,
    ),
    Alarm(
        "workers", "page", "For 5 minutes no worker has taken from one of the queues.", 0,
        Watch("QueuesWithoutWorker", "Minimum", 60, 5, OURS),
        "sum(max by (queue) (holdfast_workers) == bool 0)", 5,
    ),
    Alarm(
        "open", "ticket", "More dead letters wait at the desk than are allowed.", 0,
        Watch("OpenDeadLetters", "Maximum", 300, 1, OURS),
        'sum(max by (queue, state) (holdfast_dead_letters{state=~"open|quarantined"}))', 0,
    ),
    # CloudWatch is not told of circuit breakers, but of the spool, which takes over.
    Alarm(
        "circuit", "ticket",
        "SQS does not take events: a circuit breaker opened, and they wait in the spool.", 0,
        Watch("SpooledEvents", "Maximum", 60, 3, OURS),
        "sum(increase(holdfast_circuit_open_total[5m]))", 0,
    ),
    Alarm(
        "unaccounted", "page",
        "The books do not balance: a request left one place and did not reach the next.", 0,
        Watch("Unaccounted", "Maximum", 60, 1, OURS),
        "sum(max by (reason) (holdfast_unaccounted))", 0,
    ),
    Alarm(
        "archive", "ticket",
        "Messages have waited for the archive for 15 minutes: does S3 take them?", 0,
        Watch("ArchiveWaiting", "Minimum", 300, 3, OURS),
        "max(holdfast_archive_waiting)", 15,
    ),
)  # fmt: skip
ALARMS = (*OF_EACH_QUEUE, *OF_THE_SYSTEM)
