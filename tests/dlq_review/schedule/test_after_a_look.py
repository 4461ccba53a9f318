"""What a policy says and waits for after each look, and which of several is first."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from dlq_review.models import (
    AuditEntry,
    DeadLetter,
    Operation,
    OperationItem,
    RaisedAlert,
    RedrivePolicy,
)
from dlq_review.operations import control
from dlq_review.schedule import outlook, probes, runs, steering, watch
from tests.builders import dead_letter
from tests.dlq_review.policies import active, policy, state

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("minutes", [(2, 1), (1, 2), (1, 1)])
def test_the_policy_that_is_due_the_longest_comes_first(
    minutes: tuple[int, int],
) -> None:
    dead_letter()
    policies = [active(times=9), active(times=9)]
    now = timezone.now()
    for one, ago in zip(policies, minutes, strict=True):
        RedrivePolicy.objects.filter(pk=one.pk).update(next_run_at=now - ago * MINUTE)
    assert [one.policy for one in runs.begin_due()] == (
        policies[::-1] if minutes == (1, 2) else policies
    )


@pytest.mark.parametrize("probe_is_green", [True, False])
def test_the_next_look_is_one_period_after_this_one(
    monkeypatch: pytest.MonkeyPatch, *, probe_is_green: bool
) -> None:
    verdict = probes.Verdict(probe_is_green, "x" * 400)
    monkeypatch.setattr(probes, "ask", lambda _: verdict)
    dead_letter()
    found = active(every=15)
    RedrivePolicy.objects.update(next_run_at=timezone.now() - 60 * MINUTE)
    began = timezone.now()
    runs.begin_due()
    found.refresh_from_db()
    assert found.looked_at is not None
    assert began <= found.looked_at
    assert found.next_run_at == found.looked_at + 15 * MINUTE
    assert (found.green, found.said) == (probe_is_green, "x" * 300)
    assert (found.leased_until, found.lease_owner) == (None, None)


def test_a_look_that_found_nothing_says_what_the_probe_said() -> None:
    found = active()
    (done,) = runs.begin_due()
    found.refresh_from_db()
    assert done.operation is None
    assert done.said == found.said
    assert (found.green, found.said) == (
        True,
        "The database answers. There was nothing to redrive.",
    )


def test_a_look_that_began_a_run_says_which() -> None:
    for _ in range(2):
        dead_letter()
    active(most=1)
    (done,) = runs.begin_due()
    run = Operation.objects.get()
    assert done.said == f"The database answers. {run} took 1 letter."
    assert run.by == "ada"
    assert AuditEntry.objects.filter(operation=run).latest("pk").actor == "ada"


@pytest.mark.parametrize(
    "error", [OperationalError, InterfaceError, SoftTimeLimitExceeded]
)
def test_what_ends_a_job_is_not_taken_for_a_fault_of_the_policy(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(_: RedrivePolicy) -> probes.Verdict:
        raise error

    active()
    monkeypatch.setattr(probes, "ask", fail)
    with pytest.raises(error):
        runs.begin_due()


def test_a_policy_that_another_process_took_leaves_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead_letter()
    first, second = active(), active()
    take = runs._take

    def be_late(one: RedrivePolicy) -> object:
        if one == first:
            raise runs.LeaseLostError
        return take(one)

    monkeypatch.setattr(runs, "_take", be_late)
    assert [one.policy for one in runs.begin_due()] == [second]


# -- Stopped, ended and resumed --------------------------------------------------------
@pytest.mark.parametrize("now", ["draft", "paused", "stopped", "ended"])
def test_only_an_active_policy_stops(now: str) -> None:
    with pytest.raises(control.WrongStepError):
        steering.stop(policy(state=now), "why")
    assert not RaisedAlert.objects.exists()


def test_a_long_reason_to_stop_is_cut_for_the_row_and_told_whole() -> None:
    found = active()
    steering.stop(found, "x" * 400)
    assert state(found) == ("stopped", "x" * 300)
    assert "x" * 300 in RaisedAlert.objects.get().sentence
    steering.resume(found, by="bob")
    assert state(found) == ("active", "")


@pytest.mark.parametrize(
    "step", [steering.expire, lambda one: steering.stop(one, "why")]
)
def test_what_nobody_did_is_in_the_trail_without_a_name(
    step: Callable[[RedrivePolicy], None],
) -> None:
    step(active())
    assert AuditEntry.objects.latest("pk").actor == ""


def test_a_policy_whose_end_another_process_saw_first_is_not_ended_again() -> None:
    yesterday = RedrivePolicy.today() - timedelta(days=1)
    found = policy(state="active", until=yesterday)
    seen_late = RedrivePolicy.objects.get()
    assert watch.look_at(found)
    assert watch.look_at(seen_late)
    assert AuditEntry.objects.filter(policy=found).count() == 1


def test_a_policy_that_another_process_stopped_first_is_not_stopped_again() -> None:
    found = active(owner="nobody")
    seen_late = RedrivePolicy.objects.get()
    assert watch.look_at(found)
    assert watch.look_at(seen_late)
    assert RaisedAlert.objects.count() == 1


def test_policies_are_looked_at_in_their_order() -> None:
    yesterday = RedrivePolicy.today() - timedelta(days=1)
    found = [policy(state="active", until=yesterday) for _ in range(3)]
    assert watch.look_at_all() == found
    assert watch.look_at_all() == [], "they have ended"


def test_a_new_error_is_told_before_a_share_and_of_the_first_letter() -> None:
    letters = [dead_letter() for _ in range(10)]
    found = active(stop_at=20)
    runs.begin_due()
    run = Operation.objects.get()
    run.items.update(state="failed_again")
    DeadLetter.objects.filter(pk__gt=letters[3].pk).update(error_type="OverdraftError")
    assert watch.look_at_all() == [found]
    assert state(found)[1] == (
        f"Letter {letters[4].pk} failed with an error that is new here: OverdraftError."
    )
    run.refresh_from_db()
    assert run.state == "paused"


def test_outcomes_of_long_ago_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LAST", 1)
    found = active(stop_at=20)
    for outcome in ("failed_again", "processed"):
        run = Operation.objects.create(policy=found, by="ada", cutoff=timezone.now())
        OperationItem.objects.bulk_create(
            OperationItem(operation=run, letter_id=number, revision=0, state=outcome)
            for number in range(9)
        )
    assert watch.look_at_all() == []


# -- The outlook -----------------------------------------------------------------------
@pytest.mark.parametrize("fields", [[], ["data.currency=EUR"]])
def test_an_outlook_counts_what_a_run_takes_and_what_it_leaves(
    fields: list[str],
) -> None:
    for _ in range(3):
        dead_letter()
    chosen = {"queue": "orders", **({"fields": fields} if fields else {})}
    seen = outlook.outlook(policy(most=2, selection=chosen))
    assert (seen.would_take, seen.matching, seen.more) == (2, 3, 1)
    assert (seen.read, seen.all_read) == (3 if fields else 0, True)


def test_an_outlook_counts_and_reads_no_further_than_a_page_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outlook, "MOST_COUNTED", 2)
    monkeypatch.setattr(outlook, "MOST_READ", 2)
    for _ in range(3):
        dead_letter()
    assert outlook.outlook(policy()).matching == 2
    seen = outlook.outlook(policy(selection={"fields": ["data.currency=EUR"]}))
    assert (seen.matching, seen.read, seen.all_read) == (2, 2, False)
