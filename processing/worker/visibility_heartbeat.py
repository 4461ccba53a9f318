"""Keep the messages this worker holds invisible to others while it holds them.

Covers messages that are handled and messages that wait in the worker, also while it drains
after SIGTERM. A task that hangs is bounded by its time limit, a worker that dies by the
visibility that worker/visibility.py gives.
"""

import logging
import threading
from collections import defaultdict
from typing import Any

from celery import bootsteps
from django.conf import settings

from processing.sqs import queues
from processing.sqs.message import Message
from processing.sqs.topology import QUEUES
from processing.worker import visibility

logger = logging.getLogger(__name__)


class VisibilityHeartbeat(bootsteps.StartStopStep):
    """A thread, because the event loop may wait for SQS or for the database."""

    requires = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, consumer: Any, **_: Any) -> None:
        self.done = threading.Event()

    def start(self, consumer: Any) -> None:
        self.done.set()  # of the connection before this one
        self.done = threading.Event()
        threading.Thread(
            target=self._run,
            args=(consumer.task_consumer.channel, self.done),
            name="visibility-heartbeat",
            daemon=True,
        ).start()

    def shutdown(self, consumer: Any) -> None:  # not stop(): the pool drains after that
        self.done.set()

    def _run(self, channel: Any, done: threading.Event) -> None:
        while not done.wait(settings.WORKER_HEARTBEAT_SECONDS):
            try:
                failed = extend(channel.qos.in_flight())
            except Exception as error:
                logger.error("heartbeat=failed reason=%s", type(error).__name__)
            else:
                for queue in QUEUES.keys() - failed:
                    channel.beats.note(queue)


def extend(messages: list[Message]) -> set[str]:
    """Restart the visibility timeout of every one of *messages*.

    Returns the queues whose call SQS did not take. Their messages are tried again at the
    next beat; the others are not affected.
    """
    handles: dict[tuple[str, int], list[str]] = defaultdict(list)
    for message in messages:
        seconds = visibility.at_beat(message)
        handles[message.queue, seconds].append(message.receipt_handle)
    return {
        queue
        for (queue, seconds), some in handles.items()
        if not queues.hide_many(queue, some, seconds)
    }
