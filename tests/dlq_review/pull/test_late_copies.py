"""A copy of a message that comes after staff have dealt with its dead letter."""

import pytest

from dlq_review.letters import revisions, settlement
from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from processing.delivery import processor
from processing.events.envelope import Event
from processing.models import Attempt, Order
from processing.sqs import queues
from tests.builders import (
    dead_letter,
    message,
    order_created,
    redrive_now,
    redriven,
)
from tests.dlq_review.kept_counters import assert_counted

pytestmark = pytest.mark.django_db


def work() -> None:
    """What a worker does with all that is queued."""
    for received in queues.receive("orders"):
        processor.handle(received)
        queues.delete("orders", [received.receipt_handle])


def repaired(event: Event) -> DeadLetter:
    """The letter of *event*, resolved: another content was processed in its place."""
    letter = dead_letter(event)
    body = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, body, based_on=0, by="ada", reason="sold out")
    redrive_now(letter, by="ada")
    work()
    settlement.reconcile()
    letter.refresh_from_db()
    assert letter.state == "resolved"
    return letter


def test_a_copy_of_what_was_redriven_and_processed_does_nothing(sqs: None) -> None:
    event = order_created()
    letter = dead_letter(event)
    redrive_now(letter, by="ada")
    work()
    settlement.reconcile()
    processor.handle(message(event))
    assert Order.objects.count() == 1
    assert not Attempt.objects.exists()
    letter.refresh_from_db()
    assert letter.state == "resolved"


def test_a_copy_of_the_original_does_not_undo_its_repair(sqs: None) -> None:
    event = order_created()
    letter = repaired(event)
    processor.handle(message(event))
    puller.pull()
    settlement.reconcile()
    assert Order.objects.get().items.get().sku == "CUP-2"
    letter.refresh_from_db()
    assert letter.state == "resolved"
    assert letter.arrival_count == 2, "the copy is kept for whoever wants to see it"


def test_a_second_copy_of_a_redrive_does_nothing(sqs: None) -> None:
    event = order_created()
    letter = dead_letter(event)
    redrive_now(letter, by="ada")
    (sent,) = queues.receive("orders", visibility=0)
    for _ in range(2):
        processor.handle(sent)
    settlement.reconcile()
    letter.refresh_from_db()
    assert (letter.state, Order.objects.count()) == ("resolved", 1)
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("was_redriven", [False, True])
def test_a_copy_of_what_is_processed_by_now_resolves_its_letter(
    sqs: None, was_redriven: bool
) -> None:
    event = order_created()
    letter = dead_letter(event)
    beside = {}
    if was_redriven:
        redrive_now(letter, by="ada")
        beside = redriven(letter)
    processor.process(event)
    dead_letter(event, attributes=beside)
    letter.refresh_from_db()
    assert (letter.state, letter.arrival_count) == ("resolved", 2)
    assert letter.settled_at is not None
    assert letter.audit.filter(verb="resolved", reason__startswith="Already").exists()
    assert_counted(hours=False)


def test_a_copy_with_a_content_that_was_not_processed_waits_for_staff(
    sqs: None,
) -> None:
    event, other = order_created(id="r-1"), order_created(id="r-1")
    letter = dead_letter(event)
    processor.process(event)
    dead_letter(other)
    letter.refresh_from_db()
    assert letter.state == "open"
    assert letter.revisions.get(number=letter.revision).body == other.body


def test_a_copy_that_is_only_written_otherwise_makes_no_revision() -> None:
    body = order_created().body
    dead_letter(body)
    letter = dead_letter(body.replace(",", ", ").replace("{", "{ "))
    assert (letter.arrival_count, letter.revision) == (2, 0)
    assert letter.revisions.get().body == body


def test_a_letter_counts_the_deliveries_of_all_its_arrivals() -> None:
    event = order_created()
    for number, receives in enumerate((4, 2, 5), start=1):
        moved = {"receive_count": receives, "moved_by_sqs": True}
        letter = dead_letter(event, **moved)
        assert (letter.arrival_count, letter.attempts) == (
            number,
            {1: 3, 2: 4, 3: 8}[number],
        )
    settlement.discard(letter, by="ada", reason="x")
    letter = dead_letter(event, receive_count=3, moved_by_sqs=True)
    assert (letter.arrival_count, letter.attempts) == (4, 10)
