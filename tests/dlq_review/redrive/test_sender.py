import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dlq_review.errors import ChangedMeanwhileError, ReviewError, WrongStateError
from dlq_review.letters import revisions, settlement, transitions
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.models import DeadLetter
from dlq_review.redrive import claims, sender, terms
from processing.delivery import processor
from processing.events.envelope import Event
from processing.models import Order, UnderReview
from processing.receipts import Receipt, State
from processing.sqs import publisher, queues
from processing.sqs.batches import Sent
from processing.sqs.message import Message
from processing.sqs.refusals import SendError
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    message,
    order_created,
    redrive_now,
)
from tests.crash import Crash

pytestmark = pytest.mark.django_db


def test_a_redriven_letter_is_sent_processed_and_resolved(sqs: None) -> None:
    event = order_created(order_id="ORD-9")
    letter = dead_letter(event, attributes=failure())
    failed_attempt(event, permanent=True)
    assert Receipt.of(event).status().state == State.UNDER_REVIEW
    assert redrive_now(letter, by="ada") == "redriven"
    assert Receipt.of(event).status().state == State.PROCESSING
    (delivery,) = queues.receive("orders")
    processor.handle(delivery)
    assert settlement.reconcile() == 1
    assert Receipt.of(event).status().state == State.DONE
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == ("resolved", 1)
    assert Order.objects.filter(order_id="ORD-9").exists()
    assert not UnderReview.objects.exists()


def test_a_redrive_carries_what_its_producer_had_beside_the_last_arrival(
    sqs: None,
) -> None:
    event = order_created()
    for trace in ("first", "last"):
        letter = dead_letter(event, attributes={"trace": trace})
    redrive_now(letter, by="ada")
    (delivery,) = queues.receive("orders")
    assert delivery.attributes["trace"] == "last"


def test_one_that_is_back_before_its_sending_is_recorded_was_sent(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    letter = dead_letter(event)
    publish_many = publisher.publish_many

    def fail_at_once(*sent: Any) -> list[Sent]:
        results = publish_many(*sent)
        (delivery,) = queues.receive("orders")
        dead_letter(event, attributes=delivery.attributes)
        return results

    monkeypatch.setattr(publisher, "publish_many", fail_at_once)
    redrive_now(letter, by="ada")
    letter.refresh_from_db()
    assert letter.state == "open"
    assert letter.audit.filter(verb="failed_again").exists()


def test_a_redrive_carries_its_id_and_keeps_the_request_id(sqs: None) -> None:
    event = order_created()
    letter = dead_letter(event)
    redrive_now(letter, by="ada")
    (delivery,) = queues.receive("orders")
    told = json.loads(delivery.attributes["redrive"])
    assert told == {
        "dead_letter": letter.pk,
        "redrive_id": str(letter.redrive_id),
        "count": 1,
    }
    assert processor.identify(delivery).request_id == event.id
    dead_letter(event, attributes=delivery.attributes)
    letter.refresh_from_db()
    queues.delete("orders", [delivery.receipt_handle])
    redrive_now(letter, by="ada")
    (delivery,) = queues.receive("orders")
    again = told | {"redrive_id": str(letter.redrive_id), "count": 2}
    assert json.loads(delivery.attributes["redrive"]) == again


def test_a_message_without_an_id_is_redriven_under_its_request_id(sqs: None) -> None:
    body = json.loads(order_created().body)
    del body["id"], body["correlation_id"]
    letter = dead_letter(json.dumps(body))
    redrive_now(letter, by="ada")
    (delivery,) = queues.receive("orders")
    assert json.loads(delivery.body)["id"] == letter.request_id


def test_a_refused_send_opens_the_letter_again_and_says_why(no_sqs: None) -> None:
    letter = dead_letter()
    with pytest.raises(terms.NotSentError):
        redrive_now(letter, by="ada")
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == ("open", 0)
    assert "ConnectionError" in letter.audit.get(verb="not_sent").reason


def test_a_send_tried_again_after_a_refusal_has_the_same_redrive_id(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter()
    with monkeypatch.context() as patch:
        patch.setattr(publisher, "publish_many", refuse)
        with pytest.raises(terms.NotSentError):
            redrive_now(letter, by="ada")
    first = letter.redrive_id
    redrive_now(letter, by="ada")
    assert letter.redrive_id == first


def assert_a_copy_changes_nothing(letter: DeadLetter, first: Message) -> None:
    dead_letter(first.body, attributes=first.attributes)
    letter.refresh_from_db()
    assert letter.state == "redriven"
    entry = letter.audit.get(verb="copy")
    assert (entry.actor, entry.before, entry.after) == ("", "", "redriven")


def test_a_copy_of_the_last_redrive_does_not_end_the_one_under_way(sqs: None) -> None:
    letter = dead_letter()
    redrive_now(letter, by="ada")
    (first,) = queues.receive("orders")
    dead_letter(first.body, attributes=first.attributes)
    letter.refresh_from_db()
    redrive_now(letter, by="ada")
    assert_a_copy_changes_nothing(letter, first)


def test_a_copy_of_a_redrive_whose_answer_was_lost_does_not_end_that_of_its_edit(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter()
    publish_many = publisher.publish_many

    def lose_the_answer(events: list[Event], *more: Any) -> list[Sent]:
        publish_many(events, *more)
        return refuse(events)

    with monkeypatch.context() as patch:
        patch.setattr(publisher, "publish_many", lose_the_answer)
        with pytest.raises(terms.NotSentError):
            redrive_now(letter, by="ada")
    (first,) = queues.receive("orders")
    body = first.body.replace("C-17", "C-18")
    revisions.edit(letter, body, based_on=0, by="ada", reason="moved")
    redrive_now(letter, by="ada")
    assert_a_copy_changes_nothing(letter, first)


def refuse(events: list[Event], *_: Any) -> list[Sent]:
    error = SendError("ReadTimeoutError")
    return [Sent(event, error=error) for event in events]


def test_a_crash_between_claim_and_send_is_sent_later_with_the_same_redrive_id(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter()

    def die(*_: Any, **__: Any) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(publisher, "publish_many", die)
        with pytest.raises(Crash):
            redrive_now(letter, by="ada")
    letter.refresh_from_db()
    assert letter.state == "claimed"
    claimed_as = letter.redrive_id
    assert sender.resend_claimed() == 0  # it may still be under way
    long_ago(letter)
    assert sender.resend_claimed() == 1
    letter.refresh_from_db()
    assert (letter.state, letter.redrive_id) == ("redriven", claimed_as)
    assert len(queues.receive("orders")) == 1


def test_a_crash_between_send_and_record_sends_twice_and_takes_effect_once(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter(order_created(order_id="ORD-5"))
    move_all = transitions.move_all

    def die_when_sent(moves: list[transitions.Move]) -> Any:
        if moves[0].to == "redriven":
            raise Crash
        return move_all(moves)

    with monkeypatch.context() as patch:
        patch.setattr(sender, "move_all", die_when_sent)
        with pytest.raises(Crash):
            redrive_now(letter, by="ada")
    long_ago(letter)
    sender.resend_claimed()
    deliveries = queues.receive("orders")
    assert len(deliveries) == 2
    assert len({one.attributes["redrive"] for one in deliveries}) == 1
    for delivery in deliveries:
        processor.handle(delivery)
    assert Order.objects.count() == 1
    settlement.reconcile()
    letter.refresh_from_db()
    assert letter.state == "resolved"


def test_a_resend_that_sqs_refuses_opens_the_letter(no_sqs: None) -> None:
    letter = dead_letter()
    claims.claim(letter, by="ada", reason="")
    long_ago(letter)
    assert sender.resend_claimed() == 0
    letter.refresh_from_db()
    assert letter.state == "open"


def test_what_is_no_event_any_more_waits_again_and_stops_no_other(sqs: None) -> None:
    letter, other = dead_letter(), dead_letter()
    for one in (letter, other):
        claims.claim(one, by="ada", reason="")
    letter.revisions.update(body="of a contract that was changed")
    seen_by_two_jobs = DeadLetter.objects.filter(pk=letter.pk)
    assert sender.send([*seen_by_two_jobs, *seen_by_two_jobs.all(), other]) == 1
    letter.refresh_from_db()
    assert letter.state == "open"
    assert letter.audit.filter(verb="not_sent").count() == 1
    assert len(queues.receive("orders")) == 1


def long_ago(letter: DeadLetter) -> None:
    DeadLetter.objects.filter(pk=letter.pk).update(
        claimed_at=timezone.now() - timedelta(hours=1)
    )


def test_of_two_who_claim_a_letter_one_gets_it() -> None:
    letter = dead_letter()
    seen_by_another = DeadLetter.objects.get(pk=letter.pk)
    claims.claim(letter, by="ada", reason="")
    with pytest.raises(ChangedMeanwhileError):
        claims.claim(seen_by_another, by="bob", reason="")


def test_a_letter_that_is_processed_already_is_resolved_and_not_sent(sqs: None) -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(event))
    assert redrive_now(letter, by="ada") == "resolved"
    assert queues.receive("orders") == []


def test_a_letter_whose_id_was_processed_with_another_body_is_refused(
    sqs: None,
) -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(order_created(id=event.id)))
    with pytest.raises(terms.ProcessedOtherwiseError):
        redrive_now(letter, by="ada")
    assert queues.receive("orders") == []


def test_a_body_that_does_not_validate_is_refused_with_its_problems(sqs: None) -> None:
    letter = dead_letter(order_created().body.replace("EUR", "XXX"))
    with pytest.raises(NotAnEventError, match=r"data\.currency"):
        redrive_now(letter, by="ada")
    assert queues.receive("orders") == []


@pytest.mark.parametrize("state", ["claimed", "redriven", "resolved", "discarded"])
def test_only_what_waits_can_be_redriven(state: str) -> None:
    letter = dead_letter()
    letter.state = state
    with pytest.raises(WrongStateError):
        redrive_now(letter, by="ada")


def test_what_was_not_seen_is_not_sent() -> None:
    with pytest.raises(ChangedMeanwhileError):
        redrive_now(dead_letter(), by="ada", revision=3)


def test_a_letter_whose_body_is_gone_is_not_sent() -> None:
    letter = dead_letter()
    letter.revisions.all().delete()
    with pytest.raises(ChangedMeanwhileError):
        redrive_now(letter, by="ada")


def test_every_refusal_is_a_sentence() -> None:
    for error in ReviewError.__subclasses__():
        assert str(error.__doc__).strip().endswith(".")
