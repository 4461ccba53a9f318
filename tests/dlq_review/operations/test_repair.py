"""A repair: the edit of many and the redrive of what becomes valid, as one operation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from dlq_review.letters import revisions, settlement
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import control, edit_undo, plans, recording, runner, steps
from dlq_review.operations.edit_preview import preview
from dlq_review.operations.edit_undo import NotUndoableError
from dlq_review.pull import puller
from dlq_review.redrive import sender
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.models import Order
from processing.sqs import publisher, queues
from tests.builders import dead_letter, failure, order_created
from tests.crash import Crash
from tests.dlq_review.desk_pages import OPERATIONS, html
from tests.dlq_review.operation_runs import FAST, fail_all, states

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
TEST = {"op": "test", "path": "/data/currency", "value": "euros"}
EUROS = [TEST, {"op": "replace", "path": "/data/currency", "value": "EUR"}]


def wrong(currency: str = "euros") -> DeadLetter:
    body = order_created().body.replace('"EUR"', f'"{currency}"')
    return dead_letter(body, attributes=failure(error_type="InvalidEventError"))


def repair(**plan: Any) -> Operation:
    plan = {"kind": "repair", "patch": EUROS, **plan}
    operation = plans.freeze(
        Selection(), replace(FAST, **plan), by="ada", reason="They wrote euros."
    )
    control.start(operation, by="ada")
    return operation


def run(operation: Operation) -> None:
    runner.run(operation, seconds=9)
    operation.refresh_from_db()


def work() -> None:
    while deliveries := queues.receive("orders"):
        for delivery in deliveries:
            processor.handle(delivery)
            queues.delete("orders", [delivery.receipt_handle])
    settlement.reconcile()


def test_what_becomes_valid_is_sent_and_the_rest_is_listed_by_value() -> None:
    letters = [wrong() for _ in range(3)]
    others = [wrong("pounds"), wrong("pounds"), wrong("yen")]
    broken = dead_letter(
        order_created().body.replace("EUR", "euros").replace("TEA-1", "?")
    )
    operation = repair()
    found = preview(operation)
    assert (found.changed, found.invalid, found.other) == (3, 1, 3)
    run(operation)
    assert states(operation) == {"sent": 3, "skipped": 4}
    why = dict(operation.items.filter(state="skipped").values_list("letter", "why"))
    said = "/data/currency has another value than the change expects: "
    assert [why[one.pk] for one in others] == [
        f"{said}pounds",
        f"{said}pounds",
        f"{said}yen",
    ]
    assert "not a valid event" in why[broken.pk]
    work()
    run(operation)
    assert operation.state == "done"
    assert states(operation) == {"processed": 3, "skipped": 4}
    assert Order.objects.filter(currency="EUR").count() == 3
    for letter in letters:
        letter.refresh_from_db()
        assert (letter.state, letter.revision) == ("resolved", 1)


def test_a_letter_that_changed_since_the_list_was_frozen_is_not_overwritten() -> None:
    edited, discarded = wrong(), wrong()
    operation = repair()
    body = edited.revisions.get().body.replace("euros", "USD")
    revisions.edit(edited, body, based_on=0, by="bob", reason="x")
    settlement.discard(discarded, by="bob", reason="x")
    run(operation)
    assert states(operation) == {"skipped": 2}
    edited.refresh_from_db()
    assert (edited.revision, edited.state) == (1, "open")
    assert queues.receive("orders") == []


@pytest.mark.parametrize("place", ["edit", "recorded", "send", "sent"])
def test_a_crash_loses_no_letter_and_edits_none_twice(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends before the edit, after it, after the claim, and after the sending."""
    letters = [wrong(), wrong()]
    operation = repair()

    def die(*_: Any, **__: Any) -> None:
        raise Crash

    points = {
        "edit": (revisions, "_update"),
        "recorded": (sender, "redrive_many"),
        "send": (publisher, "publish_many"),
        "sent": (steps, "write"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*points[place], die)
        with pytest.raises(Crash):
            runner.run(operation, seconds=9)
    Operation.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    begun = {"waiting": 2} if place == "edit" else {"ready": 1, "waiting": 1}
    assert states(operation) == begun
    DeadLetter.objects.filter(state="claimed").update(
        claimed_at=timezone.now() - timedelta(minutes=5)
    )
    sender.resend_claimed()
    run(operation)
    work()
    run(operation)
    assert states(operation) == {"processed": 2}
    assert operation.state == "done"
    for letter in letters:
        letter.refresh_from_db()
        assert (letter.state, letter.revision) == ("resolved", 1)
    assert Order.objects.count() == 2


def test_a_canary_is_edited_and_sent_first_and_the_brake_stops_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(6):
        wrong()
    operation = repair(canary=2, stop_at=50)
    run(operation)
    assert states(operation) == {"sent": 2, "waiting": 4}
    assert DeadLetter.objects.filter(revision=1).count() == 2
    fail_all(monkeypatch)
    while deliveries := queues.receive("orders"):
        for delivery in deliveries:
            processor.handle(delivery)
            queues.delete("orders", [delivery.receipt_handle])
    puller.pull()
    run(operation)
    assert operation.halted == "Brake: 2 of 2 failed again."
    assert states(operation) == {"failed_again": 2, "waiting": 4}


def test_a_canary_is_no_larger_where_letters_wait_that_were_edited_before() -> None:
    wrong(), wrong(), dead_letter()
    operation = repair(canary=1)
    operation.items.filter(pk=operation.items.latest("pk").pk).update(state="ready")
    run(operation)
    assert states(operation) == {"sent": 1, "waiting": 1, "ready": 1}


def test_the_edits_of_what_failed_again_or_was_not_sent_can_be_undone(
    desk: Client, settings: Any
) -> None:
    settings.REDRIVE_LIMIT = 1
    over, fine = wrong(), wrong()
    DeadLetter.objects.filter(pk=over.pk).update(redrives=1)
    operation = repair()
    with pytest.raises(NotUndoableError):
        edit_undo.freeze_undo(operation, by="ada", reason="x")
    run(operation)
    assert states(operation) == {"fixed": 1, "sent": 1}
    assert "is the limit" in operation.items.get(state="fixed").why
    work()
    run(operation)
    page = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    assert "Redrive these 1" in page
    assert "The dead letter that was edited and still waits" in page
    undo = edit_undo.freeze_undo(operation, by="ada", reason="x")
    control.start(undo, by="ada")
    run(undo)
    assert states(undo) == {"undone": 1}
    over.refresh_from_db()
    fine.refresh_from_db()
    assert over.revisions.get(number=2).body == over.revisions.get(number=0).body
    assert fine.state == "resolved"


def test_a_cancelled_repair_says_which_letters_were_edited_and_not_sent() -> None:
    wrong(), wrong()
    operation = repair()
    first, second = operation.items.order_by("pk")
    OperationItem.objects.filter(pk=first.pk).update(state="ready")
    control.cancel(operation, by="ada")
    assert dict(operation.items.values_list("pk", "why")) == {
        first.pk: "Cancelled before it was sent.",
        second.pk: "Cancelled.",
    }
    assert states(operation) == {"fixed": 1, "skipped": 1}


def test_a_queue_that_takes_nothing_leaves_the_edited_letters_on_the_list(
    no_sqs: None,
) -> None:
    wrong()
    operation = repair()
    run(operation)
    assert states(operation) == {"ready": 1}
    assert operation.state == "running"


def test_a_pause_after_the_edit_stops_before_the_next_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong(), wrong()
    operation = repair()
    write = recording.write

    def write_and_pause(*written: Any) -> None:
        write(*written)
        control.pause(Operation.objects.get(), by="bob")

    monkeypatch.setattr(recording, "write", write_and_pause)
    monkeypatch.setattr(runner, "SET", 1)
    run(operation)
    assert operation.state == "paused"
    assert states(operation)["waiting"] == 1
