"""A step of a policy that fails half way changes nothing: each step, at each statement."""

from collections.abc import Callable
from functools import partial

import pytest
from pytest_django import Settings

from dlq_review.alerts import raising
from dlq_review.models import AlertDelivery, AuditEntry, RaisedAlert, RedrivePolicy
from dlq_review.schedule import steering
from tests.dlq_review.policies import policy
from tests.failing_statements import assert_whole_or_not_at_all

pytestmark = pytest.mark.django_db(transaction=True)

Step = Callable[[RedrivePolicy], None]
STOP: Step = partial(steering.stop, why="Too many failed.")
START: Step = partial(steering.start, by="ada")
PAUSE: Step = partial(steering.pause, by="ada")
RESUME: Step = partial(steering.resume, by="ada")
END: Step = partial(steering.end, by="ada")


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
    assert_whole_or_not_at_all(
        lambda: step(RedrivePolicy.objects.get()),
        *(RedrivePolicy, AuditEntry, RaisedAlert, AlertDelivery),
        least=4,  # read it, change it, read it again, note it
    )
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
