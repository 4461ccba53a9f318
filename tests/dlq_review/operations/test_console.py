"""`redrive_dlq` at work: canary, brake, waiting, pausing, going on."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from dlq_review.management import operation_console
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import control, plans, runner, steps
from dlq_review.operations.plans import Plan
from dlq_review.redrive import claims, undo_window
from dlq_review.redrive.terms import Redrive, Terms
from dlq_review.search import selections
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.models import User
from processing.sqs import publisher, queues
from processing.sqs.batches import Sent
from tests.builders import dead_letter, failure, message
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.operation_runs import exit_of, fail_all, run
from tests.dlq_review.operation_runs import states as states_of

pytestmark = pytest.mark.django_db

APPLY = ("--all", "--apply", "--by", "ada")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation_console, "PAUSE", 0)


@pytest.fixture(autouse=True)
def ada(django_user_model: type[User]) -> User:
    return django_user_model.objects.create(username="ada", is_superuser=True)


@pytest.fixture
def worker(sqs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handles at once what is published."""
    publish = publisher.publish_many

    def publish_and_handle(*args: Any) -> list[Sent]:
        sent = publish(*args)
        for delivery in queues.receive("orders"):
            processor.handle(delivery)
            queues.delete("orders", [delivery.receipt_handle])
        return sent

    monkeypatch.setattr(publisher, "publish_many", publish_and_handle)


def letters(count: int) -> list[DeadLetter]:
    return [dead_letter() for _ in range(count)]


def states() -> list[str]:
    return sorted(DeadLetter.objects.values_list("state", flat=True))


def test_waiting_ends_when_all_is_processed(worker: None) -> None:
    letters(3)
    text = run(*APPLY, "--wait")
    assert "3 processed" in text
    assert states() == ["resolved"] * 3


def test_while_it_waits_it_does_the_work_of_a_beat_that_does_not_run(
    sqs: None,
) -> None:
    undone_no_more, lost, done = letters(3)
    undo_window.redrive_soon(Redrive(undone_no_more, 0), Terms("bob"))
    claims.claim(lost, by="bob", reason="")
    long_ago = timezone.now() - timedelta(hours=1)
    DeadLetter.objects.filter(pk=undone_no_more.pk).update(send_after=long_ago)
    DeadLetter.objects.filter(pk=lost.pk).update(claimed_at=long_ago)
    processor.handle(message(done.revisions.get().body))
    processor.handle(message("no event"))  # into the DLQ
    operation_console._learn_outcomes()
    found = dict(DeadLetter.objects.values_list("pk", "state"))
    assert found.pop(undone_no_more.pk) == found.pop(lost.pk) == "redriven"
    assert found.pop(done.pk) == "resolved"
    assert list(found.values()) == ["quarantined"]


def test_without_waiting_it_ends_when_all_is_sent(sqs: None) -> None:
    letters(2)
    text = run(*APPLY)
    assert "2 sent" in text
    assert states() == ["redriven"] * 2


def test_the_canary_goes_first_and_the_rest_follows_when_it_lives(
    worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    send = steps._redrive

    def seen(operation: Operation, lease: Any, items: Any) -> set[str]:
        batches.append(len(items))
        return send(operation, lease, items)

    monkeypatch.setitem(steps.WORK, Operation.Kind.REDRIVE, seen)
    letters(5)
    text = run(*APPLY, "--canary", "2", "--rate", "500")
    assert "5 processed" in text
    assert sum(batches) == 5
    assert 2 in (batches[0], sum(batches[:2]))


def test_the_canary_that_fails_again_stops_the_rest(
    worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_all(monkeypatch)
    letters(5)
    code, said = exit_of(*APPLY, "--canary", "2", "--stop-at", "50", "--rate", "500")
    assert code == 4
    number = Operation.objects.get().pk
    assert said == f"Brake: 2 of 2 failed again. Go on with --operation {number}."
    assert DeadLetter.objects.filter(redrives=0).count() == 3


def test_a_brake_of_100_never_stops(
    worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_all(monkeypatch)
    letters(3)
    code, _ = exit_of(*APPLY, "--canary", "1", "--stop-at", "100", "--wait")
    assert code == 3
    assert DeadLetter.objects.filter(redrives=1).count() == 3


def test_a_group_is_redriven_with_its_reason(sqs: None) -> None:
    mine, other = dead_letter(attributes=failure()), dead_letter()
    which = ("--group", str(mine.group_id), "--apply", "--by", "ada")
    run(*which, "--reason", "INC-12", "--rate", "7")
    operation = Operation.objects.get()
    assert (operation.rate, operation.reason, operation.by) == (7, "INC-12", "ada")
    other.refresh_from_db()
    assert other.state == "open"


@pytest.mark.parametrize("step", [selections.STEP, 2])  # letters read at a time
@pytest.mark.parametrize(
    ("arguments", "sent", "done", "skipped"),
    [
        ((), 1, 1, {"invalid": 2, "limit_reached": 1}),
        (("--field", "!nothing"), 1, 1, {"limit_reached": 1}),
        (("--override-limit", "--reason", "x"), 2, 1, {"invalid": 2}),
        (("--limit", "2"), 0, 0, {"invalid": 2}),
        (("--field", "!nothing", "--limit", "2"), 0, 1, {"limit_reached": 1}),
    ],
)
def test_a_dry_run_foretells_what_is_sent_and_what_is_skipped(
    sqs: None,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    arguments: tuple[str, ...],
    sent: int,
    done: int,
    skipped: dict[str, int],
) -> None:
    monkeypatch.setattr(selections, "STEP", step)
    for _ in range(2):
        dead_letter("no event")
    over, processed, _ = letters(3)
    DeadLetter.objects.filter(pk=over.pk).update(redrives=5)
    processor.handle(message(processed.revisions.get().body))
    told = json.loads(run("--all", *arguments, "--json").splitlines()[-1])
    assert (told["would_send"], told["done_already"]) == (sent, done)
    assert told["would_skip"] == skipped
    kinds = sum(kind["count"] for kind in told["kinds"])
    assert kinds == (3 if "--field" in arguments else 5)
    text = run("--all", *arguments)
    assert f"{sent}  would be sent; nothing was sent." in text
    assert ("2  would be skipped: the body is not" in text) == ("invalid" in skipped)
    assert f"{done or 'no'}  would be resolved and not sent" in text or not done
    with suppress(CommandError):
        run(*APPLY, *arguments)
    counted = states_of(Operation.objects.get())
    assert counted.get("sent", 0) == sent
    assert counted.get("done_already", 0) == done
    assert counted.get("skipped", 0) == sum(skipped.values())


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_pauses_in_the_name_of_who_pressed_it_and_it_goes_on(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters(2)
    operation = plans.freeze(Selection(), Plan(rate=500), by="bob")
    control.start(operation, by="bob")
    control.pause(operation, by="bob")
    go_on = ("--operation", str(operation.pk), "--by", "ada")
    with monkeypatch.context() as patch:
        patch.setattr(runner, "run", interrupted)
        code, said = exit_of(*go_on)
    assert (code, said) == (130, f"Paused. Go on with --operation {operation.pk}.")
    entry = operation.audit.first()
    assert entry is not None
    assert (entry.actor, entry.after) == ("ada", "paused")
    resumed = operation.audit.get(after="running", before="paused")
    assert resumed.actor == "ada"
    assert "2 sent" in run(*go_on)


def test_ctrl_c_after_somebody_else_was_faster_reports_and_ends(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters(1)

    def cancelled_then_interrupted(operation: Operation, **_: object) -> None:
        control.cancel(Operation.objects.get(pk=operation.pk), by="bob")
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", cancelled_then_interrupted)
    code, _ = exit_of(*APPLY)
    assert code == 3
    assert states() == ["open"]


def test_ctrl_c_while_bodies_are_read_stops_before_anything_is_sent(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters(1)
    monkeypatch.setattr(selections.Selection, "matching", interrupted)
    assert exit_of(*APPLY, "--field", "data")[0] == 130
    assert not Operation.objects.exists()


def test_paused_by_somebody_else_it_ends_with_a_code_of_its_own(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters(1)

    def paused(operation: Operation, **_: object) -> None:
        control.pause(operation, by="bob")

    monkeypatch.setattr(runner, "run", paused)
    code, said = exit_of(*APPLY)
    assert code == 130
    assert said.startswith("Paused by somebody else.")


def test_one_that_still_runs_is_looked_on(sqs: None) -> None:
    letters(1)
    operation = plans.freeze(Selection(), Plan(rate=500), by="ada")
    control.start(operation, by="ada")
    assert "1 sent" in run("--operation", str(operation.pk), "--by", "ada")


@pytest.mark.parametrize("end", [control.cancel, None])
def test_one_that_has_ended_or_not_begun_is_refused(
    no_sqs: None, end: Callable[..., None] | None
) -> None:
    letters(1)
    operation = plans.freeze(Selection(), Plan(), by="ada")
    if end is not None:
        end(operation, by="ada")
    code, said = exit_of("--operation", str(operation.pk), "--by", "ada")
    assert code == 1
    assert "Look at it again." in said


def test_going_on_needs_what_the_operation_needs(client_of: ClientOf) -> None:
    client_of("view", "bulk_redrive", name="bob")
    letters(1)
    operation = plans.freeze(Selection(), Plan("discard"), by="ada")
    control.start(operation, by="ada")
    control.pause(operation, by="ada")
    code, said = exit_of("--operation", str(operation.pk), "--by", "bob")
    assert (code, said) == (1, "bob does not have the permission to discard many.")
