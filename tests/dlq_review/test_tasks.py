"""Each job does all of its steps, in their order, and gives each no more time than it has."""

from typing import Any

import pytest
from pytest_django import Settings

from dlq_review import tasks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]

#: By job: each step, and the seconds that it may take where it has a limit.
STEPS: dict[str, list[tuple[str, float | None]]] = {
    "pull": [
        ("puller.pull", 16),
        ("refused_by_sqs.adopt", None),
        ("health.sign", None),
        ("health.check_queues", None),
        ("report.refresh", None),
        ("early_warnings.look_ahead", None),
        ("report.tell_cloudwatch", None),
    ],
    "settle": [
        ("undo_window.send_due", None),
        ("sender.resend_claimed", None),
        ("settlement.reconcile", None),
        ("outcome_mail.send", None),
        ("merge.gather", None),
        ("customers.note", 2),
        ("health.sign", None),
    ],
    "tell": [("outbox.deliver", 15)],
    "operate": [("runner.run_all", 10), ("runs.begin_due", 20)],
    "archive_arrivals": [("archive.run", 10)],
    "purge": [("retention.purge", 10), ("rows.purge", 10)],
    "recount": [("counter_drift.mend", None)],
    "send_due": [("undo_window.send_due", None)],
}


@pytest.mark.parametrize("job", STEPS)
def test_a_job_does_each_of_its_steps(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, job: str
) -> None:
    settings.CELERY_BEAT_SCHEDULE = {"pull": {"schedule": 20}}
    done: list[tuple[str, float | None]] = []
    doing: list[str] = []

    def watch(name: str) -> None:
        module, _, function = name.partition(".")
        does = getattr(getattr(tasks, module), function)

        def watched(*args: Any, **more: Any) -> Any:
            if not doing:  # no part of another step
                done.append((name, more.get("seconds")))
            doing.append(name)
            try:
                return does(*args, **more)
            finally:
                doing.pop()

        monkeypatch.setattr(f"dlq_review.tasks.{name}", watched)

    for name, _ in STEPS[job]:
        watch(name)
    getattr(tasks, job)()
    assert done == STEPS[job]
