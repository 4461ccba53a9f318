"""What a claim records, how long it lasts, and where a letter waits that was not sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dlq_review.letters import revisions
from dlq_review.models import DeadLetter
from dlq_review.redrive import claims, sender, terms, undo_window
from dlq_review.redrive.terms import Redrive, Terms
from processing.delivery import processor
from processing.events.envelope import Event
from processing.models import Repair
from processing.sqs import publisher, queues
from processing.sqs.batches import Sent
from tests.builders import dead_letter, failure, message, order_created, redrive_now
from tests.crash import Crash
from tests.processing.refused_entries import refused

pytestmark = pytest.mark.django_db


def claimed_ago(letter: DeadLetter, seconds: int) -> None:
    at = timezone.now() - timedelta(seconds=seconds)
    DeadLetter.objects.filter(pk=letter.pk).update(claimed_at=at)


def test_the_trail_says_who_tried_to_redrive_what_was_processed(sqs: None) -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(event))
    redrive_now(letter, by="ada", reason="why not")
    entry = letter.audit.get(verb="resolved")
    told = (entry.actor, entry.reason)
    assert told == ("ada", "Already processed; nothing was sent.")


@pytest.mark.parametrize(("seconds", "late"), [(50, 0), (70, 1)])
def test_a_claim_is_late_after_a_minute(seconds: int, late: int) -> None:
    letter = dead_letter()
    claims.claim(letter, by="ada", reason="")
    claimed_ago(letter, seconds)
    assert sender.late_claims().count() == late


def test_what_was_sent_from_a_late_claim_is_not_sent_again(sqs: None) -> None:
    letter = dead_letter()
    claims.claim(letter, by="ada", reason="")
    claimed_ago(letter, 3600)
    assert [sender.resend_claimed(), sender.resend_claimed()] == [1, 0]
    assert len(queues.receive("orders")) == 1


def test_what_sqs_refused_and_what_is_back_all_the_same_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer was lost: SQS had taken it, and it has failed again by now."""
    event = order_created()
    letter = dead_letter(event)

    def fail_and_lose_the_answer(
        events: list[Event], beside: list[Any], goals: list[str]
    ) -> list[Sent]:
        dead_letter(event, attributes=beside[0].texts)
        return refused(events)

    monkeypatch.setattr(publisher, "publish_many", fail_and_lose_the_answer)
    (done,) = sender.redrive_many([Redrive(letter, 0)], Terms("ada"))
    assert done.error is None
    letter.refresh_from_db()
    assert letter.state == "open"
    assert letter.audit.filter(verb="failed_again").exists()
    assert not letter.audit.filter(verb="not_sent").exists()


def test_a_refusal_that_cannot_be_recorded_is_told_and_the_claim_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    letter = dead_letter()
    monkeypatch.setattr(publisher, "publish_many", lambda some, *_: refused(some))
    monkeypatch.setattr(sender, "move_all", lambda _: 1 / 0)
    (done,) = sender.redrive_many([Redrive(letter, 0)], Terms("ada"))
    assert isinstance(done.error, terms.NotSentError)
    letter.refresh_from_db()
    assert letter.state == "claimed"


@pytest.mark.parametrize("body", ["no event", None])
@pytest.mark.parametrize("by", ["sender", "undo"])
def test_what_was_not_sent_waits_where_it_waited(
    sqs: None, body: str | None, by: str
) -> None:
    letter = dead_letter(body)
    before = letter.state
    later = timezone.now() + timedelta(minutes=1)
    claims.claim(letter, by="ada", reason="", send_after=later)
    if by == "undo":
        undo_window.undo(letter, by="bob")
    else:
        letter.revisions.update(body="of a contract that was changed")
        assert sender.send([letter]) == 0
    letter.refresh_from_db()
    assert letter.state == before


def test_a_long_refusal_is_cut_where_the_trail_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    letter = dead_letter()
    why = "x" * 900
    monkeypatch.setattr(publisher, "publish_many", lambda some, *_: refused(some, why))
    with pytest.raises(terms.NotSentError):
        redrive_now(letter, by="ada")
    assert letter.audit.get(verb="not_sent").reason == "x" * 500


def test_the_time_of_a_claim_begins_anew_when_its_undo_window_ends(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter()
    undo_window.redrive_soon(Redrive(letter, 0), Terms("ada"))
    long_ago = timezone.now() - timedelta(hours=1)
    DeadLetter.objects.update(claimed_at=long_ago, send_after=long_ago)

    def die(*_: object) -> None:
        raise Crash

    monkeypatch.setattr(publisher, "publish_many", die)
    with pytest.raises(Crash):
        undo_window.send_due()
    assert sender.resend_claimed() == 0, "it may still be under way"


def test_what_is_due_first_is_sent_first(sqs: None) -> None:
    letters = [dead_letter() for _ in range(3)]
    for number, letter in enumerate(letters):
        undo_window.redrive_soon(Redrive(letter, 0), Terms("ada"))
        at = timezone.now() - timedelta(seconds=5 * number + 5)
        DeadLetter.objects.filter(pk=letter.pk).update(send_after=at)
    assert list(undo_window.due()) == letters[::-1]
    in_half_a_second = timezone.now() + timedelta(seconds=0.5)
    undo_window.redrive_soon(Redrive(dead_letter(), 0), Terms("ada"))
    DeadLetter.objects.filter(send_after__gt=timezone.now()).update(
        send_after=in_half_a_second
    )
    assert undo_window.due().count() == 3
    assert undo_window.send_due() == 3


def edited(letter: DeadLetter, event: Event) -> None:
    body = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, body, based_on=letter.revision, by="ada", reason="sold out")


def test_an_edit_that_is_redriven_once_more_is_noted_once(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    letter = dead_letter(event)
    edited(letter, event)
    with monkeypatch.context() as patch:
        patch.setattr(publisher, "publish_many", lambda some, *_: refused(some))
        with pytest.raises(terms.NotSentError):
            redrive_now(letter, by="ada")
    assert redrive_now(letter, by="ada") == "redriven"
    noted = Repair.objects.values_list("request_id", "asked", "became")
    assert list(noted) == [(event.id, event.fingerprint, letter.body_fingerprint)]


def test_the_edit_of_what_was_no_event_is_the_edit_of_no_request(sqs: None) -> None:
    letter = dead_letter("no event", attributes=failure())
    edited(letter, order_created(id=letter.request_id))
    assert redrive_now(letter, by="ada") == "redriven"
    assert not Repair.objects.exists()


def test_an_edit_of_what_was_processed_before_it_is_no_repair(sqs: None) -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(event))
    edited(letter, event)
    assert redrive_now(letter, by="ada") == "resolved"
    assert not Repair.objects.exists()


def test_a_body_that_arrived_before_another_is_no_edit_of_that(sqs: None) -> None:
    event, other = order_created(id="r-1"), order_created(id="r-1")
    dead_letter(event)
    letter = dead_letter(other)
    revisions.edit(letter, event.body, based_on=1, by="ada", reason="the first")
    assert redrive_now(letter, by="ada") == "redriven"
    assert not Repair.objects.exists()
