"""Build the Celery message that makes the pool run the task for a bundle.

Holdfast chooses the task; a message cannot. The body of an event reaches the task as one
opaque string. Only a message of the jobs queue names its task, and only a `Job`.
"""

from time import monotonic
from typing import Any

import celery
from celery import current_app

from processing.events import strict_json
from processing.metrics import tally
from processing.metrics.declared import FAILURE, SUCCESS
from processing.sqs.message import Message
from processing.sqs.topology import QUEUES
from processing.worker.bundles import Bundle

HANDLE = "processing.handle"


class Job(celery.Task):
    """A task that the jobs queue may name: repair work of ours, safe to run twice."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        began, status = monotonic(), FAILURE
        try:
            result = super().__call__(*args, **kwargs)
            status = SUCCESS
            return result
        finally:
            tally.ended("jobs", status, int((monotonic() - began) * 1000))


def celery_message(bundle: Bundle) -> dict[str, Any]:
    first = bundle.messages[0]
    task, kwargs = _job_in(first) or (HANDLE, {"bundle": bundle})
    task_id = _task_id(bundle)
    return {
        "body": ([], kwargs, {}),
        "content-encoding": "binary",  # and no content type: nobody is to decode it
        "headers": _headers(bundle, task, task_id),
        "properties": {
            "correlation_id": task_id,
            "delivery_tag": bundle.delivery_tag,
            "delivery_mode": 2,
            "priority": 0,
            "delivery_info": {
                "exchange": "",
                "routing_key": QUEUES[first.queue].name,
                "bundle": bundle,
            },
        },
    }


def _task_id(bundle: Bundle) -> str:
    """For Celery's log; the body is not read here."""
    first, *others = bundle.messages
    return f"{first.named_id}+{len(others)}" if others else first.named_id


def _headers(bundle: Bundle, task: str, task_id: str) -> dict[str, Any]:
    queue = QUEUES[bundle.messages[0].queue]
    return {
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
    }


def _job_in(message: Message) -> tuple[str, dict[str, Any]] | None:
    """The job that *message* names, and its arguments; None if it is an event."""
    if message.queue == "jobs":
        try:
            body = strict_json.loads(message.body)
            if isinstance(current_app.tasks[body["job"]], Job):
                return body["job"], dict(body["arguments"])
        except (ValueError, TypeError, LookupError):
            pass  # `handle` dead-letters it as unreadable, with the reason
    return None
