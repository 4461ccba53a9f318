"""What the pool is told to run for a bundle: a Celery message, built from scratch.

Which task runs is ours to say, never the message's, and a body reaches the task as one
opaque string. The jobs queue alone carries names of tasks, and only of those that are a
`Job`.
"""

from typing import Any

import celery
from celery import current_app

from processing.events import strict_json
from processing.sqs.queues import Message
from processing.sqs.topology import QUEUES
from processing.worker.bundles import Bundle

HANDLE = "processing.handle"


class Job(celery.Task):
    """A task that the jobs queue may name: repair work of ours, safe to run twice."""

    abstract = True


def celery_message(bundle: Bundle) -> dict[str, Any]:
    first = bundle.messages[0]
    queue = QUEUES[first.queue]
    task, kwargs = _job_in(first) or (HANDLE, {"bundle": bundle})
    # For Celery's log; the body is not read here.
    others = len(bundle.messages) - 1
    task_id = f"{first.named_id}+{others}" if others else first.named_id
    return {
        "body": ([], kwargs, {}),
        "content-encoding": "binary",  # and no content type: nobody is to decode it
        "headers": {
            "lang": "py",
            "task": task,
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "eta": None,
            "expires": None,
            "timelimit": [queue.time_limit, queue.soft_time_limit],
            "argsrepr": "",
            "kwargsrepr": f"<{len(bundle.messages)} events>",
            "ignore_result": True,
        },
        "properties": {
            "correlation_id": task_id,
            "delivery_tag": bundle.delivery_tag,
            "delivery_mode": 2,
            "priority": 0,
            "delivery_info": {
                "exchange": "",
                "routing_key": queue.name,
                "bundle": bundle,
            },
        },
    }


def _job_in(message: Message) -> tuple[str, dict[str, Any]] | None:
    """The job that *message* names, and its arguments; None if it is an event."""
    if message.queue == "jobs":
        try:
            body = strict_json.loads(message.body)
            if isinstance(current_app.tasks[body["job"]], Job):
                return body["job"], dict(body["arguments"])
        except (ValueError, TypeError, LookupError):
            pass  # `handle` will find it unreadable and dead-letter it with the reason
    return None
