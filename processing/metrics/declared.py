"""The metrics that processes count; docs/metrics.md lists them.

Every label has a closed set of values. None of them names a person, a request or a machine.
"""

from processing import board
from processing.board import Counter, Histogram, Latest, Metric
from processing.events.contracts import CONTRACTS
from processing.sqs.call_counter import CIRCUIT_OPEN, SQS_CALLS
from processing.sqs.topology import QUEUES

SUCCESS, REFUSED, FAILURE = STATUSES = ("success", "refused", "failure")
QUEUED, SPOOLED, NOT_ACCEPTED = OUTCOMES = ("queued", "spooled", "refused")
REPAIR_OUTCOMES = ("redriven", "resolved", "discarded", "restored", "failed_again")

PROCESSED = Counter(
    "holdfast_messages_processed_total",
    "Deliveries of events and jobs that ended. Refused: the sender's receipt says why."
    " Failure: an attempt was recorded, or the process died.",
    queue=QUEUES,
    status=STATUSES,
)
DURATION = Histogram(
    "holdfast_processing_duration_seconds",
    "Time from the begin of a delivery to its end; for an event of a set, the set's.",
    queue=QUEUES,
    status=STATUSES,
)
WAIT = Histogram(
    "holdfast_queue_wait_seconds",
    "Time from SQS's timestamp of a message to the begin of its first delivery.",
    queue=QUEUES,
)
ACCEPTED = Counter(
    "holdfast_accepted_total",
    "Requests that the front door found valid: stored on the queue or in the spool, or"
    " refused.",
    type=CONTRACTS,
    outcome=OUTCOMES,
)
REPAIRS = Counter(
    "holdfast_repairs_total",
    "Dead letters that were sent again, and what became of dead letters.",
    outcome=REPAIR_OUTCOMES,
)
ARRIVED = Counter(
    "holdfast_dead_letters_arrived_total",
    "Messages that were pulled from the DLQ of a queue and stored.",
    queue=QUEUES,
)
#: Not shown: SQS's timestamps in ms, from which monitoring estimates the oldest message.
NEWEST = Latest("newest_first_delivery", "", queue=QUEUES)

SHOWN: tuple[Metric, ...] = (
    *(PROCESSED, DURATION, WAIT, ACCEPTED, REPAIRS, ARRIVED, SQS_CALLS, CIRCUIT_OPEN),
)
board.settle()
