"""`redrive_dlq --schedule` does what is due, once, and says what it did."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone

from dlq_review.models import DeadLetter, Operation, RedrivePolicy
from dlq_review.operations import control
from processing.models import User
from tests.builders import dead_letter
from tests.dlq_review.operation_runs import exit_of, run, started, states
from tests.dlq_review.policies import active, begun, make_due, policy, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


def test_it_begins_and_runs_what_is_due_and_nothing_twice() -> None:
    dead_letter()
    found = active()
    said = run("--schedule")
    operation = Operation.objects.get()
    assert f"{found}: The database answers. {operation} took 1 letter." in said
    assert f"Operation {operation.pk}: 1 sent." in said
    assert DeadLetter.objects.get().state == "redriven"
    RedrivePolicy.objects.update(state="paused")
    Operation.objects.update(state="done")
    assert "Nothing is due." in run("--schedule")
    assert Operation.objects.count() == 1


def test_it_goes_on_with_a_run_that_was_cut_short() -> None:
    dead_letter()
    found = active()
    assert begun() == [1]
    Operation.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    said = run("--schedule")
    assert "1 sent" in said
    assert f"{found}" not in said
    assert "Nothing is due." not in said


def test_what_staff_have_started_is_left_to_the_workers() -> None:
    operation = started(1)
    assert "Nothing is due." in run("--schedule")
    assert states(operation) == {"waiting": 1}


@pytest.mark.parametrize(
    ("canary", "more", "waits"),
    [(0, [], False), (2, [], True), (0, ["--wait"], True)],
)
def test_it_waits_for_outcomes_where_a_run_needs_them_or_somebody_asks(
    monkeypatch: pytest.MonkeyPatch, canary: int, more: list[str], waits: bool
) -> None:
    dead_letter()
    active(canary=canary)
    asked: list[bool] = []
    monkeypatch.setattr(
        "dlq_review.management.scheduled_runs.drive",
        lambda *_, wait: asked.append(wait),
    )
    run("--schedule", *more)
    assert asked == [waits]


def test_it_prints_json_for_a_program() -> None:
    dead_letter()
    policy(id=4711, state="paused")
    found = active()
    said = json.loads(run("--schedule", "--json").splitlines()[-1])
    operation = Operation.objects.get().pk
    assert said == {
        "policies": [
            {
                "policy": found.pk,
                "said": f"The database answers. Redrive #{operation} took 1 letter.",
                "operation": operation,
            }
        ],
        "operations": [{"operation": operation, "state": "running", "sent": 1}],
    }


def test_a_policy_that_stops_is_an_exit_of_4_and_one_that_ends_is_not() -> None:
    found = active()
    RedrivePolicy.objects.update(until=RedrivePolicy.today() - timedelta(days=1))
    assert f"{found}: Ended. Its last day has passed." in run("--schedule")
    other = active()
    User.objects.update(is_active=False)
    code, said = exit_of("--schedule")
    assert (code, said) == (4, f"Stopped: {other}.")
    assert state(other)[0] == "stopped"


def test_a_policy_that_stops_at_the_run_of_this_call_is_told_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def brake(operation: Operation, *_: object, **__: object) -> None:
        control.pause(operation, halted="Brake: 1 of 1 failed again.")

    dead_letter()
    found = active()
    monkeypatch.setattr("dlq_review.management.scheduled_runs.drive", brake)
    assert exit_of("--schedule") == (4, f"Stopped: {found}.")


def test_ctrl_c_leaves_what_has_begun_to_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead_letter()
    active()

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dlq_review.management.scheduled_runs.drive", interrupt)
    with pytest.raises(CommandError) as caught:
        run("--schedule")
    assert caught.value.returncode == 130
    assert "goes on with what has begun" in str(caught.value)
    assert Operation.objects.get().state == "running"
    make_due()
    assert begun() == []
