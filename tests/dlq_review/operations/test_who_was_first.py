"""What an operation does with a letter that somebody or something else dealt with first."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import control, edit_undo, plans, progress, runner
from dlq_review.operations.plans import Plan
from dlq_review.redrive import claims
from dlq_review.search.selections import Selection
from processing.delivery import processor
from tests.builders import dead_letter, message, order_created
from tests.dlq_review.operation_runs import FAST, started, states
from tests.dlq_review.patches import EUROS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("by_operation", [False, True])
def test_a_letter_that_another_has_claimed_is_skipped(
    sqs: None, *, by_operation: bool
) -> None:
    letter = dead_letter()
    operation = started(0)
    other = started(0).pk if by_operation else None
    claims.claim(letter, by="bob", reason="", operation=other)
    runner.run(operation, seconds=9)
    assert states(operation) == {"skipped": 1}
    assert operation.state == "done"


def test_of_two_who_steer_an_operation_the_second_is_told_to_look_again() -> None:
    dead_letter()
    operation = plans.freeze(Selection(), FAST, by="ada")
    seen_by_another = Operation.objects.get()
    control.start(operation, by="ada")
    with pytest.raises(control.WrongStepError, match="changed by somebody else"):
        control.cancel(seen_by_another, by="bob")
    assert Operation.objects.get().state == "running"


@pytest.mark.parametrize("steps", [(), ("start",), ("start", "pause")])
def test_what_is_not_over_can_be_cancelled(steps: tuple[str, ...]) -> None:
    dead_letter()
    operation = plans.freeze(Selection(), FAST, by="ada")
    for step in steps:
        getattr(control, step)(operation, by="ada")
    control.cancel(operation, by="bob")
    assert (operation.state, states(operation)) == ("cancelled", {"skipped": 1})


@pytest.mark.parametrize("reason", ["", "not wanted"])
def test_a_discard_of_many_tells_apart_what_was_processed_already(reason: str) -> None:
    event = order_created()
    done, other = dead_letter(event), dead_letter()
    operation = plans.freeze(Selection(), Plan("discard"), by="ada", reason=reason)
    control.start(operation, by="ada")
    processor.handle(message(event))
    runner.run(operation, seconds=9)
    assert states(operation) == {"done_already": 1, "discarded": 1}
    entry = other.audit.get(verb="discarded")
    assert (entry.actor, entry.reason) == ("ada", reason or str(operation))
    done.refresh_from_db()
    assert done.state == "resolved"


def test_a_run_for_somebody_who_sees_masked_bodies_confirms_no_guess() -> None:
    dead_letter(order_created(email="ada@example.com"))
    found = []
    for guess in ("ada@example.com", "eve@example.com"):
        patch = [
            {"op": "test", "path": "/data/email", "json": json.dumps(guess)},
            {"op": "replace", "path": "/data/currency", "json": '"USD"'},
        ]
        plan = Plan("fix", patch, rate=500)
        operation = plans.freeze(Selection(masked=True), plan, by="eve")
        control.start(operation, by="eve")
        runner.run(operation, seconds=9)
        found.append([(one.state, one.why) for one in operation.items.all()])
    assert found[0] == found[1]
    assert found[0][0][0] == "skipped"


def later() -> DeadLetter:
    letter = dead_letter()
    at = timezone.now() + timedelta(seconds=9)
    DeadLetter.objects.filter(pk=letter.pk).update(last_failed_at=at)
    return letter


def test_a_letter_that_fails_while_bodies_are_read_is_newer() -> None:
    """Its author may ask about personal data, and the figure asks as the list did."""
    dead_letter()
    chosen = Selection(fields=("data.email=ada@example.com",))
    read_at: list[object] = []
    operation = plans.freeze(
        chosen, Plan(), by="ada", on_read=lambda _: read_at.append(timezone.now())
    )
    assert [operation.cutoff] <= read_at[:1]  # type: ignore[operator]
    assert progress.newer(operation) == 0
    later()
    assert progress.newer(operation) == 1


def test_an_undo_has_the_rate_of_its_edit_and_no_newer_letters() -> None:
    dead_letter(order_created().body.replace("EUR", "XXX"))
    edit = plans.freeze(Selection(), Plan("fix", EUROS, rate=77), by="ada")
    control.start(edit, by="ada")
    runner.run(edit, seconds=9)
    undo = edit_undo.freeze_undo(edit, by="bob", reason="wrong")
    later()
    assert (undo.rate, progress.newer(undo)) == (77, 0)
    assert (undo.by, undo.reason, undo.undoes) == ("bob", "wrong", edit)
