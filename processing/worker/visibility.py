"""For how long a message that a worker has received stays invisible to all others.

A worker receives with a short visibility and extends it with each heartbeat. So what a
killed worker held is soon delivered again, and what a worker holds stays its own.

A worker may be alive and starved: it gets no processor, or its heartbeat does not reach SQS.
Then its messages become visible and others receive them. The claim on the request id keeps
the second delivery from a second effect. But each receive counts towards maxReceiveCount,
and SQS would move a good message to the DLQ. So:
* A worker whose heartbeat is late receives no more of a queue while it holds messages of it.
  Otherwise it would receive its own messages again and again.
* On its last delivery a message is hidden for longer: nothing is won if it is soon visible
  again, because the next one to receive it is the DLQ.
"""

from math import ceil
from time import monotonic

from django.conf import settings

from processing.sqs.message import Message
from processing.sqs.topology import QUEUES

BEATS = 3  # that fit into the visibility, so that two may fail
LEAST = 60  # seconds, however often the heart beats
LAST = 300  # seconds at least, for the last delivery
MISSED = 2  # beats, after which the heartbeat is late


def at_receive(queue: str) -> int:
    """Seconds; never more than the queue's own visibility timeout."""
    beats = ceil(BEATS * float(settings.WORKER_HEARTBEAT_SECONDS))
    return min(QUEUES[queue].visibility_timeout, max(LEAST, beats))


def at_beat(message: Message) -> int:
    """Seconds."""
    if is_last_delivery(message):
        return max(QUEUES[message.queue].visibility_timeout, LAST)
    return at_receive(message.queue)


def is_last_delivery(message: Message) -> bool:
    """Whether SQS moves the message to the DLQ instead of delivering it once more."""
    return message.receive_count >= int(settings.SQS_MAX_RECEIVE_COUNT)


class Beats:
    """When SQS last took the heartbeat of each queue.

    The heartbeat's thread writes it, and the event loop reads it.
    """

    def __init__(self) -> None:
        self._at = dict.fromkeys(QUEUES, monotonic())

    def note(self, queue: str) -> None:
        self._at[queue] = monotonic()

    def is_late(self, queue: str) -> bool:
        longest = MISSED * float(settings.WORKER_HEARTBEAT_SECONDS)
        return monotonic() - self._at[queue] > longest
