"""A step of a policy that fails half way changes nothing: each step, at each statement."""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import Model
from pytest_django import Settings

from dlq_review.alerts import raising
from dlq_review.models import AlertDelivery, AuditEntry, RaisedAlert, RedrivePolicy
from dlq_review.schedule import steering
from tests.dlq_review.policies import policy
from tests.failing_statements import failing

pytestmark = pytest.mark.django_db(transaction=True)

Step = Callable[[RedrivePolicy], None]
STOP: Step = partial(steering.stop, why="Too many failed.")
START: Step = partial(steering.start, by="ada")
PAUSE: Step = partial(steering.pause, by="ada")
RESUME: Step = partial(steering.resume, by="ada")
END: Step = partial(steering.end, by="ada")


def rows() -> list[dict[str, Any]]:
    tables: tuple[type[Model], ...] = (
        RedrivePolicy,
        AuditEntry,
        RaisedAlert,
        AlertDelivery,
    )
    return [row for one in tables for row in one._base_manager.order_by("pk").values()]


def take(step: Step, at: int) -> bool:
    """Take *step*, whose statement number *at* fails; False if it has fewer."""
    found = RedrivePolicy.objects.get()
    with failing(at) as failed:
        try:
            step(found)
        except OperationalError:
            assert failed()
        else:
            assert not failed(), "the error was swallowed"
    return failed()


@pytest.mark.parametrize(
    ("before", "step", "after"),
    [
        ([], START, "active"),
        ([START], STOP, "stopped"),
        ([START], PAUSE, "paused"),
        ([START], END, "ended"),
        ([START], steering.expire, "ended"),
        ([START, PAUSE], RESUME, "active"),
        ([START, STOP], RESUME, "active"),
        ([START, STOP], END, "ended"),
        ([START, STOP], steering.expire, "ended"),
    ],
)
def test_a_step_that_fails_at_any_statement_is_not_taken_at_all(
    settings: Settings, before: list[Step], step: Step, after: str
) -> None:
    settings.ALERT_EMAILS = ["staff@example.org"]
    found = policy()
    for one in before:
        one(found)
    was = rows()
    for at in count():
        if not take(step, at):
            break
        assert rows() == was, f"statement {at}"
    assert at >= 3  # change it, read it, note it
    found.refresh_from_db()
    assert found.state == after
    lasting = [f"policy_stopped/{found.pk}"] if after == "stopped" else []
    assert [one.name for one in raising.lasting()] == lasting
    assert AuditEntry.objects.latest("pk").after == after
    told = AlertDelivery.objects.values_list("phase", flat=True)
    assert list(told.order_by("pk")) == [
        *(["raised"] if STOP in [*before, step] else []),
        *(["over"] if STOP in before else []),
    ]
