"""The product's long times, scaled down so that a killed process is made good in seconds."""

from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

from tests.boot.on_import import after_import

VISIBILITY = 12  # seconds; of every source queue
TIME_LIMIT = 10  # seconds; the soft one is 5 s below
CLAIM_LASTS = timedelta(seconds=3)
LONGEST_PAUSE = 3


def install(pull_visibility: int) -> None:
    """*pull_visibility*, in seconds, is the caller's choice; a worker's depends on it."""
    after_import("processing.sqs.topology", _topology)
    after_import("processing.delivery.spool", _set("LONGEST_PAUSE", LONGEST_PAUSE))
    after_import("dlq_review.pull.receiving", _set("VISIBILITY", pull_visibility))
    after_import("dlq_review.redrive.sender", _set("CLAIM_LASTS", CLAIM_LASTS))
    receive_for(2 * pull_visibility)


def receive_for(seconds: int) -> None:
    """Let a worker hide a message for *seconds*, and on its last delivery for four times that."""

    def shorten(visibility: Any) -> None:
        visibility.at_receive = lambda queue: seconds
        visibility.at_beat = lambda message: (
            4 * seconds if visibility.is_last_delivery(message) else seconds
        )

    after_import("processing.worker.visibility", shorten)


def limit_tasks(seconds: int) -> None:
    """Let each task run *seconds* at most; the soft limit stays 5 s below."""

    def shorten(topology: ModuleType) -> None:
        for name, queue in topology.QUEUES.items():
            topology.QUEUES[name] = replace(queue, time_limit=seconds)

    after_import("processing.sqs.topology", shorten)


def _topology(topology: ModuleType) -> None:
    for name, queue in topology.QUEUES.items():
        topology.QUEUES[name] = replace(
            queue, visibility_timeout=VISIBILITY, time_limit=TIME_LIMIT
        )


def _set(name: str, value: object):  # type: ignore[no-untyped-def]
    return lambda module: setattr(module, name, value)
