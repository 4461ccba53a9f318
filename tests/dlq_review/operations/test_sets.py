"""Discards and edits of a set in one transaction; if it fails, each item alone."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dlq_review.letters import revisions, settlement, transitions
from dlq_review.letters.transitions import Move
from dlq_review.models import AuditEntry, DeadLetter, Operation, OperationItem, Revision
from dlq_review.operations import control, plans, runner
from dlq_review.operations.pace import Pace
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.models import Outcome
from tests.builders import dead_letter, message, order_created
from tests.dlq_review.kept_counters import assert_counted
from tests.dlq_review.operation_runs import states
from tests.dlq_review.patches import EUROS

pytestmark = pytest.mark.django_db

COUNT = 7
PLACES = [0, 3, COUNT - 1]
DONE: dict[str, str] = {
    Operation.Kind.DISCARD: OperationItem.State.DISCARDED,
    Operation.Kind.EDIT: OperationItem.State.EDITED,
}


def frozen(kind: str, count: int = COUNT) -> Operation:
    for _ in range(count):
        dead_letter(order_created().body.replace("EUR", "USD"))
    patch = EUROS if kind == Operation.Kind.EDIT else None
    plan = Plan(kind=kind, patch=patch, rate=500)
    operation = plans.freeze(Selection(), plan, by="ada", reason="wrong")
    control.start(operation, by="ada")
    return operation


def run(operation: Operation) -> None:
    """All items in one set, however little time has passed."""
    pace = Pace(500)
    pace.due = lambda: 100  # type: ignore[method-assign]
    assert runner.run(operation, seconds=9, pace=pace)


def letters() -> list[DeadLetter]:
    return list(DeadLetter.objects.order_by("pk"))


@pytest.mark.parametrize("kind", list(DONE))
def test_a_set_takes_as_many_statements_as_one(kind: str) -> None:
    counts = []
    for count in (1, 30):
        operation = frozen(kind, count)
        with CaptureQueriesContext(connection) as captured:
            run(operation)
        counts.append(len(captured))
        DeadLetter.objects.filter(state="open").update(state="discarded")
    one, thirty = counts
    assert thirty <= one + 1


@pytest.mark.parametrize("kind", list(DONE))
def test_each_of_a_set_is_done_as_if_it_were_alone(kind: str) -> None:
    operation = frozen(kind)
    run(operation)
    assert states(operation) == {DONE[kind]: COUNT}
    if kind == "discard":
        tombstones = Outcome.objects.filter(kind=Outcome.Kind.DISCARDED)
        requests = {letter.request_id for letter in letters()}
        assert {one.request_id for one in tombstones} == requests
        assert {letter.state for letter in letters()} == {"discarded"}
    else:
        for letter in letters():
            newest = letter.revisions.first()
            assert newest is not None
            assert (letter.revision, newest.number, newest.by) == (1, 1, "ada")
            assert '"currency":"EUR"' in newest.body.replace(" ", "")
            assert letter.body_fingerprint == newest.fingerprint != ""
    verb = "discarded" if kind == "discard" else "edited"
    told = AuditEntry.objects.filter(verb=verb).values_list("letter", flat=True)
    assert sorted(told) == [letter.pk for letter in letters()]
    assert_counted()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", list(DONE))
def test_a_poison_item_anywhere_in_a_set_is_skipped_alone_and_says_why(
    kind: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = frozen(kind)
    poison = letters()[place]
    _fail_for(poison, kind, monkeypatch)
    run(operation)
    assert states(operation) == {DONE[kind]: COUNT - 1, "skipped": 1}
    item = operation.items.get(state="skipped")
    assert item.letter_id == poison.pk
    assert "RuntimeError" in item.why
    poison.refresh_from_db()
    assert (poison.state, poison.revision) == ("open", 0)
    assert not Outcome.objects.filter(request_id=poison.request_id).exists()
    assert poison.audit.count() == 1
    assert_counted()


def _fail_for(poison: DeadLetter, kind: str, patch: pytest.MonkeyPatch) -> None:
    """The last statement of a set fails if *poison* is in the set."""
    module, name = (
        (transitions, "_write_trail")
        if kind == "discard"
        else (revisions, "_note_edits")
    )
    write: Callable[..., None] = getattr(module, name)

    def fail(going: Sequence[Move | revisions.Edit], *more: Any) -> None:
        if any(one.letter.pk == poison.pk for one in going):
            raise RuntimeError("disk")
        write(going, *more)

    patch.setattr(module, name, fail)


@pytest.mark.parametrize("kind", list(DONE))
def test_what_changed_since_the_freeze_is_skipped_and_the_others_are_done(
    kind: str,
) -> None:
    operation = frozen(kind)
    first, second, third, *_ = letters()
    body = order_created(id=first.request_id).body
    revisions.edit(first, body, based_on=0, by="bob", reason="x")
    settlement.resolve(second, by="bob", reason="x")
    third_body = third.revisions.get().body
    run(operation)
    assert states(operation) == {DONE[kind]: COUNT - 2, "skipped": 2}
    skipped = operation.items.filter(state="skipped")
    assert set(skipped.values_list("letter", flat=True)) == {first.pk, second.pk}
    assert not Outcome.objects.filter(request_id=second.request_id).exists()
    assert Revision.objects.filter(letter=third, number=0, body=third_body).exists()
    assert_counted()


def test_one_that_changes_while_its_set_is_discarded_keeps_no_tombstone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = (dead_letter() for _ in range(2))
    settlement.resolve(DeadLetter.objects.get(pk=one.pk), by="bob", reason="x")
    refused = settlement.discard_all([one, other], by="ada", reason="wrong")
    assert [type(error).__name__ for error in refused] == [
        "ChangedMeanwhileError",
        "NoneType",
    ]
    tombstone = Outcome.objects.get()
    assert tombstone.request_id == other.request_id


def test_of_a_set_what_was_processed_meanwhile_is_resolved() -> None:
    events = [order_created() for _ in range(3)]
    for event in events:
        dead_letter(event)
    processor.handle(message(events[1]))
    refused = settlement.discard_all(letters(), by="ada", reason="wrong")
    assert refused == [None] * 3
    assert [one.state for one in letters()] == ["discarded", "resolved", "discarded"]
    assert_counted()


def test_two_letters_of_a_request_in_one_set_leave_one_tombstone() -> None:
    event = order_created()
    dead_letter(event)
    dead_letter(event, queue="emails-dlq")
    assert settlement.discard_all(letters(), by="ada", reason="x") == [None, None]
    assert Outcome.objects.get().kind == Outcome.Kind.DISCARDED
    assert_counted()
