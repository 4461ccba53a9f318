from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from dlq_review.errors import (
    ChangedMeanwhileError,
    ReasonMissingError,
    WrongStateError,
)
from dlq_review.letters import current_event, revisions, settlement
from dlq_review.letters.transitions import move
from dlq_review.models import AppendOnlyError, AuditEntry, DeadLetter
from dlq_review.redrive import claims
from processing.delivery import processor
from processing.models import Order, Outcome, UnderReview
from processing.receipts import Receipt
from processing.sqs import queues
from tests.builders import (
    dead_letter,
    failed_attempt,
    message,
    order_created,
    redrive_now,
)

pytestmark = pytest.mark.django_db


def test_a_discarded_letter_leaves_a_tombstone_that_stops_a_late_copy() -> None:
    event = order_created()
    letter = dead_letter(event)
    assert settlement.discard(letter, by="ada", reason="a test order") == "discarded"
    processor.handle(message(event))
    assert not Order.objects.exists()
    assert not UnderReview.objects.exists()
    assert letter.audit.get(verb="discarded").reason == "a test order"


def test_a_discarded_request_tells_its_sender_what_staff_wrote_for_them() -> None:
    event = order_created()
    letter = dead_letter(event)
    failed_attempt(event, permanent=True, error_text="Another order has this id.")
    told = "You ordered twice; the first one is on its way."
    settlement.discard(letter, by="ada", reason="C-17 again", message_for_sender=told)
    assert Receipt.of(event).status().reason == told
    assert told in letter.audit.get(verb="discarded").reason


def test_a_discard_that_cannot_finish_leaves_no_tombstone() -> None:
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(revision=5)
    with pytest.raises(Exception, match="meantime"):
        settlement.discard(letter, by="ada", reason="x")
    assert not Outcome.objects.exists()


def test_what_was_processed_meanwhile_is_resolved_instead_of_discarded() -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(event))
    assert settlement.discard(letter, by="ada", reason="x") == "resolved"
    assert Outcome.objects.get().kind == "processed"


def test_a_letter_whose_id_another_request_used_can_be_discarded() -> None:
    event = order_created()
    processor.handle(message(order_created(id=event.id)))
    letter = dead_letter(event)
    assert settlement.discard(letter, by="ada", reason="x") == "discarded"
    assert Outcome.objects.get().kind == "processed"


@pytest.mark.parametrize(
    ("dlq", "state"), [("orders-dlq", "open"), ("jobs-dlq", "quarantined")]
)
def test_what_waits_is_resolved_once_its_request_was_processed(
    dlq: str, state: str
) -> None:
    event = order_created()
    letter = dead_letter(event, queue=dlq)
    assert letter.state == state
    processor.handle(message(event))
    assert settlement.reconcile() == 1
    letter.refresh_from_db()
    assert letter.state == "resolved"


def test_a_restored_letter_is_open_and_its_tombstone_gone() -> None:
    event = order_created()
    letter = dead_letter(event)
    settlement.discard(letter, by="ada", reason="x")
    settlement.restore(letter, by="bob")
    letter.refresh_from_db()
    assert (letter.state, letter.settled_at) == ("open", None)
    assert UnderReview.objects.exists()
    processor.handle(message(event))
    assert Order.objects.exists()


@pytest.mark.parametrize("restored", [0, 1])
def test_of_two_discarded_letters_of_a_request_one_restored_leaves_the_tombstone(
    restored: int,
) -> None:
    event = order_created()
    letters = [dead_letter(event, queue=dlq) for dlq in ("orders-dlq", "emails-dlq")]
    for letter in letters:
        settlement.discard(letter, by="ada", reason="x")
    settlement.restore(letters[restored], by="bob")
    processor.handle(message(event))
    assert not Order.objects.exists()
    settlement.restore(letters[1 - restored], by="bob")
    processor.handle(message(event))
    assert Order.objects.exists()


def test_an_unreadable_letter_is_restored_to_quarantine() -> None:
    letter = dead_letter("no event")
    settlement.discard(letter, by="ada", reason="x")
    settlement.restore(letter, by="ada")
    assert letter.state == "quarantined"


def test_only_a_discarded_letter_can_be_restored() -> None:
    with pytest.raises(WrongStateError):
        settlement.restore(dead_letter(), by="ada")


def test_a_letter_can_be_resolved_by_hand() -> None:
    letter = dead_letter()
    settlement.resolve(letter, by="ada", reason="entered by telephone")
    letter.refresh_from_db()
    assert (letter.state, letter.settled_at is None) == ("resolved", False)


@pytest.mark.parametrize("settle", [settlement.resolve, settlement.discard])
@pytest.mark.parametrize("reason", ["", " \n"])
def test_settling_needs_a_reason(settle: object, reason: str) -> None:
    with pytest.raises(ReasonMissingError):
        settle(dead_letter(), by="ada", reason=reason)  # type: ignore[operator]


@pytest.mark.parametrize("settle", [settlement.resolve, settlement.discard])
@pytest.mark.parametrize("state", ["claimed", "redriven", "resolved", "discarded"])
def test_only_what_waits_can_be_settled(settle: object, state: str) -> None:
    letter = dead_letter()
    letter.state = state
    with pytest.raises(WrongStateError):
        settle(letter, by="ada", reason="x")  # type: ignore[operator]


def test_an_open_letter_that_was_processed_after_all_is_resolved() -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(event))
    assert settlement.reconcile() == 1
    letter.refresh_from_db()
    assert letter.state == "resolved"


def test_a_letter_that_staff_took_while_it_was_settled_keeps_its_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken, other = order_created(), order_created()
    letters = [dead_letter(event) for event in (taken, other)]
    for event in (taken, other):
        processor.process(event)
    look = settlement._held

    def look_slowly(found: Sequence[DeadLetter]) -> Any:
        same = DeadLetter.objects.filter(request_id=taken.id)
        same.update(state="claimed", redrive_id=uuid4())
        return look(found)

    monkeypatch.setattr(settlement, "_held", look_slowly)
    assert settlement.reconcile() == 1
    for letter in letters:
        letter.refresh_from_db()
    assert [letter.state for letter in letters] == ["claimed", "resolved"]


def test_letters_that_cannot_be_settled_now_are_looked_at_once_a_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settlement, "SET", 2)
    letters = []
    for _ in range(5):
        event = order_created()
        letters.append(dead_letter(event).pk)
        processor.process(event)
    looked_at: list[int] = []

    def settle_none(found: Sequence[DeadLetter]) -> int:
        looked_at.extend(one.pk for one in found)
        assert len(looked_at) <= len(letters)
        return 0

    monkeypatch.setattr(settlement, "_settle", settle_none)
    assert settlement.reconcile() == 0
    assert looked_at == letters


def test_an_open_letter_is_not_resolved_by_another_request_with_its_id() -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(order_created(id=event.id)))
    assert settlement.reconcile() == 0
    letter.refresh_from_db()
    assert letter.state == "open"
    assert letter.audit.count() == 1  # not a line more each time the job runs


def test_a_redriven_letter_whose_id_another_request_used_is_open_again() -> None:
    event = order_created()
    letter = dead_letter(event)
    DeadLetter.objects.filter(pk=letter.pk).update(state="redriven")
    processor.handle(message(order_created(id=event.id)))
    settlement.reconcile()
    letter.refresh_from_db()
    assert letter.state == "open"


def test_a_redriven_letter_without_an_outcome_is_overdue_and_left_alone() -> None:
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(
        state="redriven", redriven_at=timezone.now() - timedelta(days=1)
    )
    assert settlement.reconcile() == 0
    letter.refresh_from_db()
    assert letter.overdue
    assert letter.state == "redriven"


def test_the_audit_trail_is_only_added_to() -> None:
    entry = dead_letter().audit.get()
    with pytest.raises(AppendOnlyError):
        entry.save()
    with pytest.raises(AppendOnlyError):
        entry.delete()


MAY_BECOME = {
    "open": {"open", "quarantined", "claimed", "resolved", "discarded"},
    "quarantined": {"open", "quarantined", "claimed", "resolved", "discarded"},
    "claimed": {"open", "quarantined", "redriven", "resolved"},
    "redriven": {"open", "quarantined", "resolved"},
    "resolved": {"open", "quarantined"},
    "discarded": {"open", "quarantined"},
}


@pytest.mark.parametrize("before", MAY_BECOME)
@pytest.mark.parametrize("after", DeadLetter.State.values)
def test_a_letter_becomes_what_its_state_allows_and_nothing_else(
    before: str, after: str
) -> None:
    letter = dead_letter()
    DeadLetter.objects.update(state=before)
    letter.state = before
    if after not in MAY_BECOME[before]:
        with pytest.raises(WrongStateError):
            move(letter, after, AuditEntry.Verb.NOTED)
        return
    move(letter, after, AuditEntry.Verb.NOTED)
    letter.refresh_from_db()
    is_settled = after in ("resolved", "discarded")
    assert (letter.state, letter.settled_at is not None) == (after, is_settled)


@pytest.mark.parametrize("edited", [0, 1, 2])
def test_a_request_processed_with_any_body_that_the_letter_held_is_done(
    sqs: None, edited: int
) -> None:
    event = order_created(order_id="ORD-1")
    letter = dead_letter(event)
    processed = event.body
    for number in range(2):
        body = event.body.replace("TEA-1", f"CUP-{number}")
        revisions.edit(letter, body, based_on=number, by="ada", reason="x")
        processed = body if number < edited else processed
    processor.handle(message(processed))
    known = current_event.processed(letter)
    assert (known.done, known.same) == (True, True)
    assert redrive_now(letter, by="ada") == "resolved"
    assert queues.receive("orders") == []


def test_a_reason_of_staff_is_kept_to_its_last_word() -> None:
    reason = f"{'because ' * 60}of this"
    letter = dead_letter()
    settlement.discard(letter, by="ada", reason=reason)
    settlement.restore(letter, by="bob", reason=reason)
    settlement.resolve(letter, by="eve", reason=reason)
    said = letter.audit.filter(reason=reason).order_by("pk")
    assert list(said.values_list("verb", "actor")) == [
        ("discarded", "ada"),
        ("restored", "bob"),
        ("resolved", "eve"),
    ]


def test_a_tombstone_is_that_of_the_first_letter_of_its_request() -> None:
    event = order_created(order_id="ORD-1")
    other = order_created(id=event.id, order_id="ORD-2")
    letters = [dead_letter(event), dead_letter(other, queue="emails-dlq")]
    DeadLetter.objects.filter(pk=letters[0].pk).update(correlation_id="trace-1")
    letters[0].refresh_from_db()
    assert settlement.discard_all(letters, by="ada", reason="x") == [None, None]
    tombstone = Outcome.objects.get()
    assert tombstone.fingerprint == event.fingerprint
    assert (tombstone.type, tombstone.correlation_id) == ("order_created", "trace-1")


def test_of_many_letters_each_that_is_refused_is_told_why_and_the_others_go() -> None:
    letters = [dead_letter() for _ in range(3)]
    claims.claim(DeadLetter.objects.get(pk=letters[1].pk), by="bob", reason="")
    first, second, third = settlement.discard_all(letters, by="ada", reason="x")
    assert (first, third) == (None, None)
    assert isinstance(second, ChangedMeanwhileError)
    states = DeadLetter.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["discarded", "claimed", "discarded"]


def test_a_run_settles_as_many_sets_as_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settlement, "SET", 2)
    for _ in range(5):
        event = order_created()
        dead_letter(event)
        processor.process(event)
    assert settlement.reconcile() == 5
    assert settlement.reconcile() == 0


def test_a_letter_that_is_open_again_is_not_counted_as_settled() -> None:
    event = order_created()
    letter = dead_letter(event, queue="jobs-dlq")
    DeadLetter.objects.filter(pk=letter.pk).update(state="redriven")
    processor.handle(message(order_created(id=event.id)))
    assert settlement.reconcile() == 0
    letter.refresh_from_db()
    assert letter.state == "quarantined", "where letters of its queue wait"
    assert letter.audit.first().verb == "failed_again"  # type: ignore[union-attr]


def test_a_letter_whose_earlier_body_was_processed_is_not_discarded() -> None:
    event = order_created()
    letter = dead_letter(event)
    body = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, body, based_on=0, by="ada", reason="x")
    processor.handle(message(event))
    assert settlement.discard(letter, by="ada", reason="x") == "resolved"
