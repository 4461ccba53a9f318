"""What one run of an operation tries, records and leaves to the next."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import control, leases, plans, progress, runner, steps
from dlq_review.operations.leases import Lease
from dlq_review.operations.pace import Pace
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter, signup_requested
from tests.dlq_review.operation_runs import FAST, started, states
from tests.processing.refused_entries import refused

pytestmark = pytest.mark.django_db


def test_what_a_step_leaves_on_the_list_is_tried_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And not over and over by the same run."""
    tried: list[int] = []

    def leave(_: Operation, __: Lease, items: Sequence[OperationItem]) -> set[str]:
        tried.extend(item.pk for item in items)
        return set()

    monkeypatch.setitem(steps.WORK, Operation.Kind.REDRIVE, leave)
    operation = started(3)
    numbers = list(operation.items.order_by("pk").values_list("pk", flat=True))
    for run in (1, 2):
        assert runner.run_all(seconds=2) == runner.Ran(operations=1, unfinished=0)
        assert tried == numbers * run


def test_outcomes_are_recorded_also_where_no_time_is_left_to_send() -> None:
    operation = started(1)
    operation.items.update(state="sent")
    DeadLetter.objects.update(state="resolved")
    assert runner.run(operation, seconds=0)
    assert (states(operation), operation.state) == ({"processed": 1}, "done")


def test_a_run_that_was_too_short_to_tell_its_rate_keeps_the_one_before(
    sqs: None,
) -> None:
    operation = started(1)
    Operation.objects.update(reached=40)
    runner.run(operation, seconds=0)
    operation.refresh_from_db()
    assert operation.reached == 40


@pytest.mark.parametrize("reached", [35, 0])
def test_the_rate_that_was_reached_is_noted_at_the_end_of_a_run(
    monkeypatch: pytest.MonkeyPatch, reached: int
) -> None:
    monkeypatch.setattr(Pace, "reached", reached)
    operation = started(1)
    runner.run(operation, seconds=0)
    operation.refresh_from_db()
    assert operation.reached == reached


def test_a_runner_that_lost_the_lease_records_no_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operation = started(1)
    operation.items.update(state="sent")
    DeadLetter.objects.update(state="resolved")
    monkeypatch.setattr(leases, "take", lambda one: Lease(one.pk, uuid4()))
    runner.run(operation, seconds=0)
    assert states(operation) == {"sent": 1}


@pytest.mark.parametrize(("seconds", "free"), [(50, False), (70, True)])
def test_what_a_runner_held_that_was_killed_goes_on_after_a_minute(
    seconds: int, free: bool
) -> None:
    operation = started(1)
    with time_machine.travel(begun := timezone.now(), tick=False) as clock:
        assert leases.take(operation) is not None
        clock.move_to(begun + timedelta(seconds=seconds))
        assert (leases.take(operation) is not None) is free


def test_whoever_gave_the_lease_back_writes_nothing_more() -> None:
    lease = leases.take(started(1))
    assert lease is not None
    lease.give_back()
    with pytest.raises(leases.LeaseLostError), lease.writing():
        pass


def test_a_worker_with_a_long_name_can_hold_an_operation(settings: Settings) -> None:
    settings.WORKER_NAME = "w" * 300
    operation = started(1)
    assert leases.take(operation) is not None
    assert operation.lease_holder == "w" * 200


def test_a_queue_that_refuses_is_named_and_not_the_one_a_letter_was_found_on(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letter(signup_requested(), queue="emails-dlq")
    operation = started(0)
    monkeypatch.setattr(
        "processing.sqs.publisher.publish_many", lambda some, *_: refused(some)
    )
    runner.run(operation, seconds=9)
    operation.refresh_from_db()
    assert operation.refused == {"signups": "Throttled"}


@pytest.mark.parametrize(("reason", "told"), [("fixed", " fixed"), ("", "")])
@pytest.mark.parametrize(
    ("kind", "verb"), [("redrive", "claimed"), ("restore", "restored")]
)
def test_the_trail_of_a_letter_names_the_operation(
    sqs: None, kind: str, verb: str, reason: str, told: str
) -> None:
    letter = dead_letter()
    restore = kind == "restore"
    if restore:
        DeadLetter.objects.update(state="discarded", settled_at=timezone.now())
    selection = Selection(discarded=restore)
    operation = plans.freeze(selection, Plan(kind), by="ada", reason=reason)
    control.start(operation, by="ada")
    runner.run(operation, seconds=9)
    entry = letter.audit.get(verb=verb)
    assert (entry.actor, entry.reason) == ("ada", f"Operation {operation.pk}.{told}")


def test_each_step_of_an_operation_has_its_time_and_its_entry() -> None:
    dead_letter()
    draft, ended = [plans.freeze(Selection(), FAST, by="ada") for _ in "ab"]
    assert (ended.started_at, ended.ended_at) == (None, None)
    control.cancel(draft, by="bob")
    control.start(ended, by="bob")
    assert ended.started_at is not None
    control.pause(ended, by="eve")
    control.resume(ended, by="bob")
    assert (ended.looked_at, ended.ended_at) == ([], None)
    control.finish(ended)
    assert None not in (draft.ended_at, ended.ended_at)
    assert draft.started_at is None
    entries = [
        list(one.audit.order_by("pk").values_list("verb", "actor", "before", "after"))
        for one in (draft, ended)
    ]
    assert entries == [
        [("steered", "bob", "draft", "cancelled")],
        [
            ("started", "bob", "draft", "running"),
            ("steered", "eve", "running", "paused"),
            ("steered", "bob", "paused", "running"),
            ("steered", "", "running", "done"),
        ],
    ]


def test_whoever_resumes_what_a_person_paused_has_judged_no_outcome() -> None:
    """The failures until now count for the brake, which has not spoken yet."""
    operation = started(1)
    operation.items.update(state="failed_again")
    control.pause(operation, by="bob")
    control.resume(operation, by="bob")
    assert operation.looked_at == []
    control.pause(operation, halted="Brake: 1 of 1 failed again.")
    control.resume(operation, by="bob")
    assert operation.looked_at == [1, 1]


@pytest.mark.parametrize(
    ("asked", "kept"), [((0, 0), (1, 1)), ((900, 200), (500, 100)), ((7, 30), (7, 30))]
)
def test_a_plan_is_kept_within_what_can_be_run(
    asked: tuple[int, int], kept: tuple[int, int]
) -> None:
    dead_letter()
    rate, stop_at = asked
    plan = Plan(rate=rate, stop_at=stop_at)
    operation = plans.freeze(Selection(), plan, by="ada")
    assert (operation.rate, operation.stop_at) == kept


@pytest.mark.parametrize(
    ("limit", "step", "total", "told"),
    [(None, 1, 5, 5), (2, 1, 2, 1), (5, 1, 5, 4), (2, 5, 2, 0)],
)
def test_a_list_that_is_read_is_put_down_in_parts_and_whole(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, step: int, total: int, told: int
) -> None:
    """And nothing is read behind the last letter that is taken."""
    monkeypatch.setattr(plans, "INSERTED", 2)
    monkeypatch.setattr("dlq_review.search.selections.STEP", step)
    letters = [dead_letter() for _ in range(5)]
    read: list[int] = []
    chosen = Selection(fields=("data.customer_id=C-17",))
    plan = Plan(limit=limit)
    operation = plans.freeze(chosen, plan, by="ada", on_read=read.append)
    operation.refresh_from_db()
    assert (operation.total, operation.items.count()) == (total, total)
    assert sum(read) == told
    found = operation.items.order_by("pk").values_list("letter_id", flat=True)
    assert list(found) == [one.pk for one in letters[:total]]


def test_what_was_discarded_since_is_newer_for_a_restore() -> None:
    for _ in range(2):
        dead_letter()
    DeadLetter.objects.update(state="discarded", settled_at=timezone.now())
    operation = plans.freeze(Selection(discarded=True), Plan("restore"), by="ada")
    assert progress.newer(operation) == 0
    later = dead_letter()
    now, step = timezone.now(), timedelta(seconds=9)
    DeadLetter.objects.filter(pk=later.pk).update(
        state="discarded", settled_at=now + step, last_failed_at=now - step
    )
    assert progress.newer(operation) == 1


def test_a_list_that_whoever_asked_for_it_refuses_is_not_kept() -> None:
    dead_letter()

    def refuse(operation: Operation) -> None:
        assert operation.total == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        plans.freeze(Selection(), FAST, by="ada", on_frozen=refuse)
    assert not Operation.objects.exists()
    assert not OperationItem.objects.exists()


def test_each_operation_of_a_list_has_its_own_tally() -> None:
    one, two = started(1), started(1)
    two.items.filter(pk=two.items.latest("pk").pk).update(state="sent")
    found = progress.tallies([one.pk, two.pk, 0])
    assert [(one.waiting, one.sent) for one in found.values()] == [
        (1, 0),
        (1, 1),
        (0, 0),
    ]
