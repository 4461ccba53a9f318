import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.letters import revisions, settlement
from dlq_review.models import AuditEntry, DeadLetter, Operation, OperationItem
from dlq_review.operations import control, plans, progress, runner, steps
from dlq_review.operations.plans import Plan
from dlq_review.pull import puller
from dlq_review.redrive import sender
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.models import Order
from processing.sqs import queues
from processing.sqs.provision import ensure_queues
from tests.builders import (
    dead_letter,
    failure,
    message,
    order_created,
    signup_requested,
)
from tests.conftest import forget_failures
from tests.dlq_review.operation_runs import FAST, fail_all, started, states
from tests.processing.refused_entries import spoil

pytestmark = pytest.mark.django_db


def work(queue: str = "orders") -> None:
    """What the worker does with everything on the queue."""
    while deliveries := queues.receive(queue):
        for delivery in deliveries:
            processor.handle(delivery)
            queues.delete(queue, [delivery.receipt_handle])


def test_an_operation_sends_its_list_and_ends_with_the_outcomes(sqs: None) -> None:
    operation = started(23)
    assert runner.run(operation, seconds=9)
    assert states(operation) == {"sent": 23}
    work()
    settlement.reconcile()
    runner.run(operation, seconds=9)
    operation.refresh_from_db()
    assert states(operation) == {"processed": 23}
    assert operation.state == "done"
    assert Order.objects.count() == 23


def test_an_operation_waits_for_outcomes_from_when_it_sent_the_last(
    sqs: None, settings: Settings
) -> None:
    overdue = timedelta(seconds=settings.REDRIVE_OVERDUE_SECONDS)
    with time_machine.travel(begun := timezone.now(), tick=False) as clock:
        operation = started(1)
        clock.move_to(sent := begun + overdue)
        runner.run(operation, seconds=9)
        for at, state in ((sent + overdue, "running"), (sent + overdue * 1.01, "done")):
            clock.move_to(at)
            runner.run(operation, seconds=9)
            operation.refresh_from_db()
            assert operation.state == state
    assert states(operation) == {"sent": 1}


def test_the_list_is_frozen_when_the_operation_is_made(sqs: None) -> None:
    operation = started(2)
    dead_letter(sent_at=timezone.now() + timedelta(seconds=9))
    assert progress.newer(operation) == 1
    # One of the list that failed once more is none that was left out.
    listed = DeadLetter.objects.filter(operations__operation=operation)
    listed.update(last_failed_at=timezone.now() + timedelta(seconds=9))
    assert progress.newer(operation) == 1
    runner.run(operation, seconds=9)
    assert operation.items.count() == 2
    assert DeadLetter.objects.filter(state="open").count() == 1


def test_a_limit_takes_the_oldest() -> None:
    first = dead_letter()
    dead_letter()
    operation = plans.freeze(Selection(), Plan(limit=1), by="ada")
    assert operation.items.get().letter == first


def test_nothing_chosen_makes_no_operation() -> None:
    with pytest.raises(plans.NothingChosenError):
        plans.freeze(Selection(queue="emails"), FAST, by="ada")
    assert not Operation.objects.exists()


def test_a_draft_sends_nothing(sqs: None) -> None:
    dead_letter()
    operation = plans.freeze(Selection(), FAST, by="ada")
    assert not runner.run(operation, seconds=9)
    assert queues.receive("orders") == []


def test_what_changed_since_it_was_chosen_is_skipped_with_the_reason(
    sqs: None,
) -> None:
    event = order_created()
    edited, discarded = dead_letter(event), dead_letter()
    operation = started(0)
    body = event.body.replace("TEA-1", "TEA-2")
    revisions.edit(edited, body, based_on=0, by="bob", reason="x")
    settlement.discard(discarded, by="bob", reason="x")
    runner.run(operation, seconds=9)
    assert states(operation) == {"skipped": 2}
    assert all(item.why for item in operation.items.all())
    assert queues.receive("orders") == []


def test_what_was_processed_already_is_resolved_and_not_sent(sqs: None) -> None:
    event = order_created()
    dead_letter(event)
    processor.handle(message(event))
    operation = started(0)
    runner.run(operation, seconds=9)
    assert states(operation) == {"done_already": 1}
    assert queues.receive("orders") == []


def test_two_operations_never_send_the_same_letter(sqs: None) -> None:
    first = started(3)
    second = started(0)
    runner.run(first, seconds=9)
    runner.run(second, seconds=9)
    assert states(second) == {"skipped": 3}
    assert len(queues.receive("orders")) == 3


def test_one_runner_at_a_time_holds_an_operation(sqs: None) -> None:
    operation = started(1)
    Operation.objects.update(leased_until=timezone.now() + timedelta(seconds=30))
    assert not runner.run(operation, seconds=9)
    Operation.objects.update(leased_until=timezone.now() - timedelta(seconds=9))
    assert runner.run(operation, seconds=9)


def test_a_canary_goes_first_and_the_rest_waits_for_its_outcome(sqs: None) -> None:
    operation = started(6, Plan(rate=500, canary=2))
    runner.run(operation, seconds=9)
    assert states(operation) == {"sent": 2, "waiting": 4}
    runner.run(operation, seconds=9)
    assert states(operation) == {"sent": 2, "waiting": 4}
    work()
    settlement.reconcile()
    runner.run(operation, seconds=9)
    assert states(operation) == {"processed": 2, "sent": 4}


def test_the_brake_stops_when_the_canary_fails_again(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(6, Plan(rate=500, canary=2, stop_at=50))
    runner.run(operation, seconds=9)
    fail_all(monkeypatch)
    work()
    puller.pull()
    runner.run(operation, seconds=9)
    operation.refresh_from_db()
    assert operation.state == "paused"
    assert operation.halted == "Brake: 2 of 2 failed again."
    assert states(operation) == {"failed_again": 2, "waiting": 4}
    assert DeadLetter.objects.filter(state="open").count() == 6


def test_canaries_that_failed_again_are_canaries_where_no_brake_is_wanted(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(5, Plan(rate=500, canary=2, stop_at=100))
    runner.run(operation, seconds=9)
    fail_what_was_sent(operation, monkeypatch)
    runner.run(operation, seconds=9)
    assert states(operation) == {"failed_again": 2, "sent": 3}


def fail_what_was_sent(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        fail_all(patch)
        work()
    puller.pull()


def test_whoever_resumes_after_the_brake_keeps_it_for_what_comes(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(30, Plan(rate=500, canary=2, stop_at=50))
    runner.run(operation, seconds=9)
    fail_what_was_sent(operation, monkeypatch)
    runner.run(operation, seconds=9)
    assert operation.halted == "Brake: 2 of 2 failed again."
    control.resume(operation, by="ada")
    assert (operation.stop_at, operation.halted) == (50, "")
    for item in operation.items.filter(state="waiting")[:8]:
        DeadLetter.objects.filter(pk=item.letter_id).update(revision=7)  # skipped
    runner.run(operation, seconds=9)
    assert states(operation) == {"failed_again": 2, "sent": 20, "skipped": 8}
    fail_what_was_sent(operation, monkeypatch)
    runner.run(operation, seconds=9)
    assert operation.halted == "Brake: 20 of 20 failed again since it was resumed."


def test_a_canary_that_cannot_be_sent_is_none_and_the_next_is(sqs: None) -> None:
    for _ in range(3):
        dead_letter("no event")
    operation = started(6, Plan(rate=500, canary=2))
    runner.run(operation, seconds=9)
    assert states(operation) == {"skipped": 3, "sent": 2, "waiting": 4}
    work()
    settlement.reconcile()
    runner.run(operation, seconds=9)
    assert states(operation) == {"skipped": 3, "processed": 2, "sent": 4}


def test_what_was_processed_already_is_neither_canary_nor_success(sqs: None) -> None:
    for _ in range(3):
        event = order_created()
        dead_letter(event)
        processor.handle(message(event))
    operation = started(4, Plan(rate=500, canary=2))
    runner.run(operation, seconds=9)
    assert states(operation) == {"done_already": 3, "sent": 2, "waiting": 2}
    assert progress.tally(operation).outcomes == (0, 0)


@pytest.mark.parametrize(
    ("processed", "failed", "others", "halted"),
    [
        (0, 1, {}, ""),
        (0, 9, {"sent": 50}, ""),
        (5, 5, {"sent": 90}, "Brake: 5 of 10 failed again."),
        (8, 2, {"done_already": 90}, "Brake: 2 of 10 failed again."),
        (9, 2, {"done_already": 90}, ""),
        (10, 0, {}, ""),
    ],
)
def test_the_brake_judges_outcomes_and_enough_of_them(
    processed: int, failed: int, others: dict[str, int], halted: str
) -> None:
    states = Counter({"processed": processed, "failed_again": failed, **others})
    assert progress.Tally(states).brake(Operation(stop_at=20)) == halted


@pytest.mark.parametrize(
    ("processed", "failed", "canary", "over", "braked"),
    [
        (1, 1, 2, False, True),
        (1, 1, 2, True, False),
        (0, 1, 2, False, False),
        (5, 5, 40, False, True),
        (0, 0, 1, False, False),
    ],
)
def test_the_brake_judges_a_canary_by_its_number_and_ten_at_most(
    processed: int, failed: int, canary: int, over: bool, braked: bool
) -> None:
    states = Counter({"processed": processed, "failed_again": failed})
    operation = Operation(stop_at=20, canary=canary, canary_over=over)
    assert bool(progress.Tally(states).brake(operation)) is braked


def test_what_is_discarded_after_it_failed_again_has_failed_again(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(1)
    runner.run(operation, seconds=9)
    fail_what_was_sent(operation, monkeypatch)
    settlement.discard(DeadLetter.objects.get(), by="bob", reason="x")
    runner.run(operation, seconds=9)
    assert states(operation) == {"failed_again": 1}


def test_a_letter_edited_after_the_freeze_is_not_discarded() -> None:
    event = order_created()
    letter = dead_letter(event)
    operation = plans.freeze(Selection(), Plan(kind="discard", rate=500), by="ada")
    control.start(operation, by="ada")
    body = event.body.replace("TEA-1", "TEA-2")
    revisions.edit(letter, body, based_on=0, by="bob", reason="x")
    runner.run(operation, seconds=9)
    assert states(operation) == {"skipped": 1}
    assert DeadLetter.objects.get().state == "open"


def remove_queue(name: str) -> None:
    queues.client().delete_queue(QueueUrl=queues.url(name))


def test_a_queue_that_is_missing_stops_only_what_goes_there(
    sqs: None, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SET", 10)
    for _ in range(12):
        dead_letter(signup_requested(), queue="signups-dlq")
    for _ in range(3):
        dead_letter()
    dead_letter(signup_requested(), queue="signups-dlq")
    remove_queue("signups")
    operation = started(0)
    runner.run(operation, seconds=9)
    assert states(operation) == {"waiting": 13, "sent": 3}
    assert operation.state == "running"
    # The first goes alone, and the others of that queue are left alone.
    assert AuditEntry.objects.filter(verb="not_sent").count() == 1
    page = desk.get(f"/admin/dlq_review/operation/{operation.pk}/change/")
    assert "SQS does not take messages for signups" in page.content.decode()
    ensure_queues(allow_aws=True)
    forget_failures()
    runner.run(operation, seconds=9)
    assert (states(operation), operation.refused) == ({"sent": 16}, {})


def test_what_sqs_never_takes_is_left_out_and_the_rest_goes(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = dead_letter(order_created(customer_id="C-SPOILT"))
    spoil(monkeypatch, "C-SPOILT", whole=True)
    operation = started(2)
    runner.run(operation, seconds=9)
    assert states(operation) == {"sent": 2, "skipped": 1}
    assert operation.refused == {}
    assert operation.items.get(state="skipped").letter_id == bad.pk


def test_all_to_a_queue_that_is_missing_waits(sqs: None, settings: Settings) -> None:
    settings.REDRIVE_TARGETS = ["orders:signups"]
    remove_queue("signups")
    operation = started(12, Plan(rate=500, to="signups"))
    runner.run(operation, seconds=9)
    assert states(operation) == {"waiting": 12}
    assert list(operation.refused) == ["signups"]


def test_a_paused_operation_sends_nothing_until_it_is_resumed(sqs: None) -> None:
    operation = started(2)
    control.pause(operation, by="ada")
    assert not runner.run(operation, seconds=9)
    control.resume(operation, by="ada")
    runner.run(operation, seconds=9)
    assert states(operation) == {"sent": 2}


def test_a_cancelled_operation_touches_nothing_more(sqs: None) -> None:
    operation = started(2)
    control.cancel(operation, by="ada")
    assert not runner.run(operation, seconds=9)
    assert states(operation) == {"skipped": 2}
    assert DeadLetter.objects.filter(state="open").count() == 2
    runner.observe(operation)
    assert operation.state == "cancelled"


@pytest.mark.parametrize("step", ["start", "resume"])
def test_a_step_out_of_turn_is_refused(step: str) -> None:
    operation = started(1)
    with pytest.raises(control.WrongStepError):
        getattr(control, step)(operation, by="ada")


def test_while_sqs_is_away_the_list_waits(no_sqs: None) -> None:
    operation = started(2)
    runner.run(operation, seconds=9)
    operation.refresh_from_db()
    assert states(operation) == {"waiting": 2}
    assert operation.state == "running"
    assert DeadLetter.objects.filter(state="open").count() == 2


def test_a_crash_in_a_step_leaves_nothing_lost_and_nothing_sent_twice(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(3)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(steps, "write", die)
        with pytest.raises(KeyboardInterrupt):
            runner.run(operation, seconds=9)
    assert DeadLetter.objects.filter(state="redriven").count() == 1
    runner.run(operation, seconds=9)
    assert len(queues.receive("orders")) == 3
    assert states(operation) == {"sent": 3}


def test_a_rate_is_kept(sqs: None) -> None:
    operation = started(10, Plan(rate=2))
    runner.run(operation, seconds=1)
    assert 1 <= states(operation)["sent"] <= 3


@pytest.mark.parametrize(("each", "number"), [(60, 2), (0, 7)])
def test_outcomes_are_looked_for_now_and_then_and_not_at_each_step(
    sqs: None, monkeypatch: pytest.MonkeyPatch, each: int, number: int
) -> None:
    looks: list[Operation] = []
    monkeypatch.setattr(runner, "observe", looks.append)
    monkeypatch.setattr(runner, "SET", 1)
    monkeypatch.setattr(runner, "LOOK", each)
    operation = started(5)
    runner.run(operation, seconds=9)
    assert (states(operation), len(looks)) == ({"sent": 5}, number)


def test_many_are_discarded_with_the_reason() -> None:
    operation = started(3, Plan(kind="discard", rate=500))
    runner.run(operation, seconds=9)
    operation.refresh_from_db()
    assert (operation.state, states(operation)) == ("done", {"discarded": 3})
    letter = DeadLetter.objects.first()
    assert letter is not None
    assert letter.audit.get(verb="discarded").reason == "fixed"


def test_an_operation_whose_outcomes_never_come_ends(sqs: None) -> None:
    operation = started(1)
    runner.run(operation, seconds=9)
    Operation.objects.update(sent_at=timezone.now() - timedelta(days=1))
    runner.run(operation, seconds=9)
    operation.refresh_from_db()
    assert operation.state == "done"
    assert states(operation) == {"sent": 1}


def test_an_operation_with_letters_left_goes_on_in_a_job_at_once(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(3)
    for seconds, asked in ((0, ["dlq_review.operate"]), (9, [])):
        monkeypatch.setattr(tasks, "OPERATE_SECONDS", seconds)
        tasks.operate()
        jobs = queues.receive("jobs")
        assert [json.loads(job.body)["job"] for job in jobs] == asked
    assert DeadLetter.objects.filter(state="redriven").count() == 3


def test_an_operation_goes_on_with_beat_where_sqs_takes_no_job(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started(1)
    monkeypatch.setattr(tasks, "OPERATE_SECONDS", 0)
    assert tasks.operate() == 1
    assert "beat will do it" in caplog.text


def test_all_running_operations_get_their_turn(sqs: None) -> None:
    dead_letter(attributes=failure())
    first = started(0)
    assert runner.run_all(seconds=9) == runner.Ran(operations=1, unfinished=0)
    assert states(first) == {"sent": 1}
    assert OperationItem.objects.count() == 1
    assert sender.resend_claimed() == 0
