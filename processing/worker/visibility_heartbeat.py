"""Keep the messages this worker holds invisible to others while it holds them.

Covers messages that are handled and messages that wait in the worker, also while it drains
after SIGTERM. A task that hangs is bounded by its time limit, a worker that dies by the
visibility timeout of its queues.
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
                extend(channel.qos.in_flight())
            except Exception as error:
                logger.error("heartbeat=failed reason=%s", type(error).__name__)


def extend(messages: list[Message]) -> None:
    """Restart the visibility timeout of every one of *messages*.

    A message that SQS does not extend now is tried again at the next beat; the others are
    not affected.
    """
    by_queue: dict[str, list[str]] = defaultdict(list)
    for message in messages:
        by_queue[message.queue].append(message.receipt_handle)
    for queue, handles in by_queue.items():
        queues.hide_many(queue, handles, QUEUES[queue].visibility_timeout)
