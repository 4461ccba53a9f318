"""A run begins when it is due and the probe is green, and takes what the policy allows."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from dlq_review.groups import merge
from dlq_review.letters import revisions, settlement
from dlq_review.models import (
    AuditEntry,
    DeadLetter,
    Operation,
    OperationItem,
    RedrivePolicy,
)
from dlq_review.operations import control, plans, progress, runner
from dlq_review.pull import puller
from dlq_review.schedule import probes, runs, steering
from dlq_review.schedule.outlook import outlook
from processing.delivery import processor
from processing.handlers import registry
from processing.models import Order
from processing.sqs import queues
from tests.builders import dead_letter, failure, message, order_created, redrive_now
from tests.crash import Crash
from tests.dlq_review.policies import (
    active,
    ada,
    begun,
    ended,
    make_due,
    policy,
    state,
)

pytestmark = pytest.mark.django_db


class BankIsAwayError(Exception):
    """What every order fails with, until the bank is back."""


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """A dependency that comes back: orders are processed once its `up` is true."""
    there = {"up": False}
    create = registry.HANDLERS["order_created"]

    def create_order(event: Any) -> Any:
        if not there["up"]:
            raise BankIsAwayError
        return create(event)

    monkeypatch.setitem(registry.HANDLERS, "order_created", create_order)
    return there


def work() -> None:
    """What workers and beat do with all that is on the queues."""
    runner.run_all(seconds=9)
    while deliveries := queues.receive("orders"):
        for delivery in deliveries:
            processor.handle(delivery)
            queues.delete("orders", [delivery.receipt_handle])
    puller.pull()
    settlement.reconcile()
    runner.run_all(seconds=9)


def process_another() -> None:
    with suppress(processor.RetryLaterError):
        processor.handle(message(order_created()))


def test_what_failed_is_redriven_within_one_period_after_the_probe_is_green(
    sqs: None, bank: dict[str, bool]
) -> None:
    chosen = {"type": "order_created"}
    found = active(selection=chosen, probe="events", events=2, every=15)
    letters = [dead_letter() for _ in range(3)]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(3):
            process_another()
            assert begun() == []
            clock.shift(15 * 60)
        found.refresh_from_db()
        assert (found.green, found.state) == (False, "active")
        assert not Operation.objects.exists()
        bank["up"] = True
        process_another()
        process_another()
        clock.shift(15 * 60)
        assert begun() == [3]
        work()
    requests = {letter.request_id for letter in letters}
    assert Order.objects.filter(request_id__in=requests).count() == 3
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"resolved"}
    operation = Operation.objects.get()
    assert (operation.policy, operation.by, operation.state) == (found, "ada", "done")
    assert operation.reason == f"Policy #{found.pk}. The bank is away."
    assert begun() == []


# -- How often, how many ---------------------------------------------------------------
def test_no_run_takes_a_letter_more_than_so_many_times() -> None:
    letter = dead_letter()
    active(times=2)
    for taken in ([1], [1], [], []):
        make_due()
        assert begun() == taken
        ended(Operation.objects.first(), failed_again=1)
    assert letter.operations.count() == 2
    assert [*RedrivePolicy.objects.values_list("said", flat=True)] == [
        "The database answers. There was nothing to redrive."
    ]


def test_what_one_policy_took_often_enough_another_takes() -> None:
    dead_letter()
    first = active(times=1)
    assert begun() == [1]
    ended(Operation.objects.get(), failed_again=1)
    steering.pause(first, by="ada")
    active(times=1)
    assert begun() == [1]


def test_what_a_cancelled_run_did_not_send_is_taken_again() -> None:
    dead_letter()
    active(times=1)
    assert begun() == [1]
    control.cancel(Operation.objects.get(), by="bob")
    make_due()
    assert begun() == [1]


def test_a_run_takes_the_oldest_and_no_more_than_so_many() -> None:
    letters = [dead_letter() for _ in range(3)]
    active(most=2, rate=77, canary=1, stop_at=30)
    assert begun() == [2]
    run = Operation.objects.get()
    assert (run.rate, run.canary, run.stop_at) == (77, 1, 30)
    taken = OperationItem.objects.order_by("letter_id").values_list("letter", flat=True)
    assert [*taken] == [one.pk for one in letters[:2]]


def test_the_next_run_waits_for_its_time_and_for_the_end_of_the_last() -> None:
    dead_letter()
    found = active(every=15)
    assert begun() == [1]
    dead_letter()
    dead_letter(order_created().body.replace("EUR", "euros"))  # which it cannot send
    assert progress.newer(Operation.objects.get()) == 1
    assert "policy" not in Operation.objects.get().selection
    found.refresh_from_db()
    assert found.next_run_at is not None
    assert 14 < (found.next_run_at - timezone.now()).total_seconds() / 60 <= 15
    assert begun() == []
    make_due()
    assert begun() == []
    assert not runs.due().exists()
    ended(Operation.objects.get(), processed=1)
    assert begun() == [2]


def edited(event: Any, letter: DeadLetter) -> None:
    body = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, body, based_on=0, by="bob", reason="x")


LEFT_ALONE: dict[str, Callable[[Any, DeadLetter], object]] = {
    "edited by staff": edited,
    "redriven too often": lambda _, one: DeadLetter.objects.update(redrives=5),
    "no valid event": lambda _, one: DeadLetter.objects.update(body_fingerprint=""),
    "sent": lambda _, one: redrive_now(one, by="bob"),
    "discarded": lambda _, one: settlement.discard(one, by="bob", reason="x"),
}


@pytest.mark.parametrize("what", LEFT_ALONE)
def test_a_letter_is_left_alone_that_was(what: str, sqs: None) -> None:
    event = order_created()
    LEFT_ALONE[what](event, dead_letter(event))
    found = active()
    assert outlook(found).would_take == 0
    assert begun() == []


def test_without_a_limit_of_redrives_only_its_own_runs_count(
    settings: Settings,
) -> None:
    settings.REDRIVE_LIMIT = 0
    dead_letter()
    DeadLetter.objects.update(redrives=50)
    active()
    assert begun() == [1]


def test_a_merged_group_is_followed_into_the_group_it_was_merged_into() -> None:
    group = dead_letter(attributes=failure(error_type="TimeoutError")).group
    into = dead_letter(attributes=failure(error_type="OSError")).group
    active(selection={"group": group.pk})
    merge.merge(group, into, by="ada", reason="x")
    assert begun() == [2]


def test_conditions_on_the_body_choose() -> None:
    dead_letter(order_created(customer_id="C-18"))
    dead_letter()
    found = active(selection={"fields": ["data.customer_id=C-18"]})
    seen = outlook(found)
    assert (seen.would_take, seen.read, seen.all_read) == (1, 2, True)
    assert begun() == [1]


@pytest.mark.parametrize(("most", "told"), [(2, (2, False)), (3, (3, True))])
def test_the_outlook_says_when_it_read_only_a_part(
    monkeypatch: pytest.MonkeyPatch, most: int, told: tuple[int, bool]
) -> None:
    for _ in range(3):
        dead_letter()
    monkeypatch.setattr("dlq_review.schedule.outlook.MOST_READ", most)
    seen = outlook(policy(selection={"fields": ["data.currency=EUR"]}))
    assert (seen.read, seen.all_read) == told


def test_the_outlook_tells_what_a_run_would_take_and_leave() -> None:
    for _ in range(3):
        dead_letter()
    seen = outlook(policy(most=2))
    assert (seen.would_take, seen.more) == (2, 1)


# -- Two processes, and one that dies --------------------------------------------------
def test_of_two_processes_at_once_one_begins_a_run() -> None:
    """The second one looks while the first one asks the probe."""
    dead_letter()
    active()
    ask, second = probes.ask, []

    def ask_slowly(found: RedrivePolicy) -> probes.Verdict:
        second.append(runs.begin_due())
        return ask(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes, "ask", ask_slowly)
        assert begun() == [1]
    assert second == [[]]


def test_a_process_that_lost_its_lease_begins_nothing() -> None:
    dead_letter()
    active()
    ask = probes.ask

    def ask_for_long(found: RedrivePolicy) -> probes.Verdict:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(probes, "ask", ask)
            RedrivePolicy.objects.update(leased_until=timezone.now())
            assert begun() == [1]
        return ask(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes, "ask", ask_for_long)
        assert begun() == []
    assert Operation.objects.count() == 1


@pytest.mark.parametrize("dies_in", ["probes.ask", "plans.freeze", "control.start"])
def test_a_process_that_dies_before_the_run_leaves_it_to_another(
    monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    dead_letter()
    active()

    def die(*_: Any, **__: Any) -> None:
        raise Crash

    with monkeypatch.context() as patch, pytest.raises(Crash):
        module, name = dies_in.split(".")
        where = {"probes": probes, "plans": plans, "control": control}[module]
        patch.setattr(where, name, die)
        runs.begin_due()
    assert not Operation.objects.exists()
    assert begun() == []
    RedrivePolicy.objects.update(leased_until=timezone.now())  # some time later
    assert begun() == [1]
    assert begun() == []


def test_a_policy_that_somebody_pauses_meanwhile_begins_nothing() -> None:
    dead_letter()
    found = active()
    ask = probes.ask

    def ask_slowly(one: RedrivePolicy) -> probes.Verdict:
        steering.pause(RedrivePolicy.objects.get(), by="bob")
        return ask(one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes, "ask", ask_slowly)
        assert begun() == []
    assert state(found) == ("paused", "")
    assert not Operation.objects.exists()


def test_an_error_in_one_policy_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead_letter()
    wrong, ask = active(), probes.ask
    active()

    def ask_wrongly(found: RedrivePolicy) -> probes.Verdict:
        return ask(found) if found != wrong else 1 / 0  # type: ignore[return-value]

    monkeypatch.setattr(probes, "ask", ask_wrongly)
    assert begun() == [1]
    assert state(wrong) == ("active", "")

    def be_away(_: object) -> None:
        raise OperationalError

    RedrivePolicy.objects.update(leased_until=None)
    monkeypatch.setattr(probes, "ask", be_away)
    with pytest.raises(OperationalError):  # but a database that is away ends the job
        runs.begin_due()


def test_a_job_asks_no_further_probe_after_its_time() -> None:
    active()
    assert runs.begin_due(seconds=0) == []
    assert runs.due().count() == 1


# -- Steering --------------------------------------------------------------------------
def test_only_an_active_policy_begins_a_run() -> None:
    ada()
    dead_letter()
    found = policy()
    assert begun() == []
    steering.start(found, by="ada")
    steering.pause(found, by="bob")
    assert begun() == []
    steering.resume(found, by="ada")
    assert begun() == [1]
    assert found.ended_at is None
    steering.end(found, by="bob")
    assert found.ended_at is not None
    ended(Operation.objects.get(), failed_again=1)
    make_due()
    assert begun() == []
    trail = found.audit.order_by("pk").values_list("actor", "verb", "before", "after")
    assert list(trail) == [
        ("ada", "scheduled", "draft", "active"),
        ("bob", "policy", "active", "paused"),
        ("ada", "policy", "paused", "active"),
        ("bob", "policy", "active", "ended"),
    ]
    assert set(AuditEntry.objects.filter(policy=found).values_list("reason")) == {
        ("The bank is away.",)
    }


@pytest.mark.parametrize(
    ("now", "step"),
    [
        ("draft", steering.pause),
        ("draft", steering.resume),
        ("active", steering.start),
        ("active", steering.resume),
        ("ended", steering.resume),
        ("ended", steering.end),
        ("paused", steering.start),
    ],
)
def test_a_step_that_its_state_does_not_allow_is_refused(
    now: str, step: Callable[..., None]
) -> None:
    found = policy(state=now)
    with pytest.raises(control.WrongStepError):
        step(found, by="ada")
    assert state(found) == (now, "")


def test_whoever_resumes_it_becomes_its_owner() -> None:
    found = active()
    steering.pause(found, by="bob")
    steering.resume(found, by="eve")
    assert (found.owner, found.state) == ("eve", "active")


@pytest.mark.parametrize(("now", "step"), [("draft", "start"), ("paused", "resume")])
def test_after_its_last_day_it_does_not_go_on(now: str, step: str) -> None:
    yesterday = RedrivePolicy.today() - timedelta(days=1)
    found = policy(state=now, until=yesterday)
    with pytest.raises(steering.OverError):
        getattr(steering, step)(found, by="ada")


def test_a_run_can_be_paused_and_cancelled_like_any_other_operation() -> None:
    dead_letter()
    active()
    assert begun() == [1]
    run = Operation.objects.get()
    control.pause(run, by="bob")
    dead_letter()
    make_due()
    assert begun() == [], "it may go on"
    control.resume(run, by="bob")
    control.cancel(run, by="bob")
    assert progress.tally(run).skipped == 1
