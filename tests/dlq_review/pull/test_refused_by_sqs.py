"""What SQS refuses for good ends at the triage desk, not in a table nobody reads."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from dlq_review import tasks
from dlq_review.letters import revisions
from dlq_review.models import DeadLetter
from dlq_review.monitoring import books
from dlq_review.pull import refused_by_sqs
from dlq_review.pull.arrivals import join
from processing.delivery import processor, spool
from processing.models import Order, SpooledEvent
from processing.receipts import Receipt, State
from processing.sqs import queues
from processing.sqs.message import Message
from tests.builders import order_created, redrive_now

pytestmark = pytest.mark.django_db


def refuse(event: object) -> None:
    spool.add(event, "InvalidMessageContents")  # type: ignore[arg-type]
    SpooledEvent.objects.update(refused_for_good=True)


def test_a_refused_event_is_an_open_dead_letter_that_says_why(sqs: None) -> None:
    event = order_created(order_id="ORD-1")
    refuse(event)
    tasks.pull()
    letter = DeadLetter.objects.get()
    assert (letter.request_id, letter.queue, letter.state) == (
        event.id,
        "orders",
        "open",
    )
    assert letter.error_type == "RefusedBySQSError"
    assert "InvalidMessageContents" in letter.error_text
    assert not SpooledEvent.objects.exists()
    assert Receipt.of(event).status().state == State.UNDER_REVIEW
    assert books.close().balanced


def test_it_is_edited_and_redriven_like_any_other(sqs: None) -> None:
    event = order_created(order_id="ORD-1", customer_id="C-1")
    refuse(event)
    refused_by_sqs.adopt()
    letter = DeadLetter.objects.get()
    body = event.body.replace("C-1", "C-2")
    revisions.edit(letter, body, based_on=0, by="ada", reason="a typo")
    redrive_now(letter, by="ada")
    (delivery,) = queues.receive("orders")
    processor.handle(delivery)
    assert Order.objects.get().customer_id == "C-2"


def test_a_crash_while_adopting_keeps_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(order_created())

    def crash(row: SpooledEvent) -> None:
        raise MemoryError

    monkeypatch.setattr(SpooledEvent, "delete", crash)
    assert refused_by_sqs.adopt() == 0
    assert SpooledEvent.objects.count() == 1
    assert not DeadLetter.objects.exists()


def test_a_row_that_cannot_be_stored_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = order_created(), order_created()
    refuse(bad)
    refuse(good)

    def store(message: Message) -> bool:
        if bad.id in message.id:
            raise ValueError("cannot be stored")
        return join(message)

    monkeypatch.setattr(refused_by_sqs, "join", store)
    assert refused_by_sqs.adopt() == 1
    assert DeadLetter.objects.get().request_id == good.id
    assert SpooledEvent.objects.get().request_id == bad.id
    assert f"request_id={bad.id} not_adopted=ValueError" in caplog.messages


def test_what_sqs_may_still_take_is_left_to_the_relay() -> None:
    spool.add(order_created(), "Throttled")
    assert refused_by_sqs.adopt() == 0
    assert SpooledEvent.objects.count() == 1


def test_two_contents_that_sqs_refuses_under_one_id_are_both_kept() -> None:
    first = order_created(id="r-1", order_id="ORD-1")
    second = order_created(id="r-1", order_id="ORD-2")
    for event in (first, second, first):
        refuse(event)
        assert refused_by_sqs.adopt() == 1
    letter = DeadLetter.objects.get()
    assert {one.body for one in letter.revisions.all()} == {first.body, second.body}
    assert {one.body for one in letter.arrivals.all()} == {first.body, second.body}
    assert letter.audit.filter(reason__contains="Another body").count() == 1
    assert letter.state == "open"


def test_a_row_that_another_process_took_is_counted_by_that_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = order_created()
    refuse(event)
    refuse(order_created())
    store = refused_by_sqs._adopt

    def too_late(request_id: str) -> bool:
        SpooledEvent.objects.filter(pk=event.id).delete()
        return store(request_id)

    monkeypatch.setattr(refused_by_sqs, "_adopt", too_late)
    assert refused_by_sqs.adopt() == 1
    assert DeadLetter.objects.get().request_id != event.id


def test_a_job_that_ran_out_of_time_ends_and_keeps_the_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse(order_created())

    def reach_the_limit(_: Message) -> bool:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(refused_by_sqs, "join", reach_the_limit)
    with pytest.raises(SoftTimeLimitExceeded):
        refused_by_sqs.adopt()
    assert SpooledEvent.objects.count() == 1
