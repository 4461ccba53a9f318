"""A message makes Celery run what Holdfast chose, and no other task."""

import json
from contextlib import nullcontext
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from processing.delivery import spool
from processing.metrics.history import Unstored
from processing.models import QueueRecord
from processing.tasks import relay
from processing.worker.bundles import Bundle
from processing.worker.task_messages import HANDLE, Job, celery_message
from tests.builders import message, signup_requested

RELAY = {"job": "processing.relay", "arguments": {}}


def asked(body: Any, queue: str = "jobs") -> tuple[str, Any]:
    """The task that a message asks Celery for, and its arguments."""
    text = body if isinstance(body, str) else json.dumps(body)
    told = celery_message(Bundle.of([message(text, queue=queue)]))
    _, arguments, _ = told["body"]
    return told["headers"]["task"], arguments


def test_a_message_of_the_jobs_queue_names_its_job_and_the_arguments() -> None:
    assert asked(RELAY) == ("processing.relay", {})
    assert asked({**RELAY, "arguments": {"of": [1]}}) == (
        "processing.relay",
        {"of": [1]},
    )


@pytest.mark.parametrize(
    ("body", "queue"),
    [
        (RELAY, "orders"),
        (RELAY, "emails"),
        ("no JSON", "jobs"),
        ("[" * 9_999, "jobs"),
        ([RELAY], "jobs"),
        ("processing.relay", "jobs"),
        ({}, "jobs"),
        ({"job": "processing.relay"}, "jobs"),
        ({**RELAY, "job": "processing.relays"}, "jobs"),
        ({**RELAY, "job": ["processing.relay"]}, "jobs"),
        ({**RELAY, "job": None}, "jobs"),
        ({**RELAY, "arguments": [1]}, "jobs"),
        ({**RELAY, "arguments": "ab"}, "jobs"),
        ({**RELAY, "arguments": None}, "jobs"),
    ],
)
def test_what_names_no_job_is_handled_as_an_event(body: Any, queue: str) -> None:
    task, arguments = asked(body, queue)
    assert (task, list(arguments)) == (HANDLE, ["bundle"])


def test_of_all_tasks_a_message_may_name_our_jobs_alone() -> None:
    others = [
        name for name, task in current_app.tasks.items() if not isinstance(task, Job)
    ]
    assert {"celery.chain", HANDLE} <= set(others)
    for name in others:
        assert asked({**RELAY, "job": name})[0] == HANDLE, name


def test_what_celery_logs_of_a_message_holds_nothing_of_it() -> None:
    event = signup_requested(name="Grace Zquill")
    told = celery_message(
        Bundle.of([message(event, attributes={"for": "Zquill"}) for _ in range(2)])
    )
    assert "Zquill" not in repr(told["headers"])


@pytest.mark.django_db
@pytest.mark.parametrize("fails", [False, True])
def test_each_run_of_a_job_is_counted_as_it_ended(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    def relayed(**_: Any) -> int:
        return 7 // (not fails)

    monkeypatch.setattr(spool, "relay", relayed)
    uncounted = Unstored()
    with pytest.raises(ZeroDivisionError) if fails else nullcontext():
        assert relay() == 7
    uncounted.store(timezone.now())
    row = QueueRecord.objects.filter(queue="jobs").latest("pk")
    assert (row.success, row.failure) == (not fails, fails)
