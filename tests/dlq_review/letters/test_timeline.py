"""What is told of a letter's past: by whom, in which order, and veiled for whom."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dlq_review.letters import settlement, timeline
from dlq_review.models import AuditEntry, DeadLetter
from processing.models import Outcome
from tests.builders import dead_letter, failed_attempt, order_created

pytestmark = pytest.mark.django_db


def moments(letter: DeadLetter) -> list[timeline.Moment]:
    attempts = timeline.attempts_of(letter, letter.arrivals.all())
    return timeline.timeline(
        letter, attempts, ours=lambda text: f"our {text}", theirs=lambda text: "•••"
    )


def test_words_of_people_are_veiled_otherwise_than_those_of_holdfast() -> None:
    letter = dead_letter()
    AuditEntry.note(letter, AuditEntry.Verb.NOT_SENT, reason="no such queue")
    settlement.discard(letter, by="ada", reason="for Zoe", message_for_sender="Dear Z")
    told = {one.kind: (one.title, one.text, one.who) for one in moments(letter)}
    assert told["not_sent"] == ("Could not be sent", "our no such queue", "Holdfast")
    assert told["discarded"] == ("Discarded", "•••", "ada")
    assert told["outcome"] == ("The request was discarded", "•••", "")
    assert told["sent"] == ("Sent to the queue", "", "")


def test_the_newest_stands_first_and_the_sending_has_its_own_time() -> None:
    now = timezone.now()
    letter = dead_letter(sent_at=now - timedelta(days=3))
    failed_attempt(
        order_created(id=letter.request_id),
        started_at=now - timedelta(days=2),
        receive_count=7,
        worker="w2",
        release="r1",
    )
    first, attempt, sent = moments(letter)
    assert (first.kind, sent.kind, sent.at) == ("pulled", "sent", letter.sent_at)
    assert attempt.title == "Attempt 7 failed: OperationalError"
    assert attempt.text == "w2, release r1"


def test_attempts_are_known_by_the_request_or_by_the_message_that_arrived() -> None:
    letter = dead_letter()
    message_id = letter.arrivals.get().message_id
    expected = {
        failed_attempt(order_created(id=letter.request_id)).pk,
        failed_attempt(order_created(), message_id=message_id).pk,
    }
    failed_attempt(order_created())
    found = timeline.attempts_of(letter, letter.arrivals.all())
    assert {one.pk for one in found} == expected


def test_of_many_attempts_and_deeds_the_newest_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timeline, "MOST", 2)
    letter = dead_letter()
    for number in range(3):
        AuditEntry.note(letter, AuditEntry.Verb.NOTED, reason=str(number))
        at = timezone.now() + timedelta(minutes=number)
        failed_attempt(
            order_created(id=letter.request_id), started_at=at, receive_count=number
        )
    told = [one.text for one in timeline.deeds(letter)]
    assert told == ["", "2", "1"]
    found = timeline.attempts_of(letter, [])
    assert [one.receive_count for one in found] == [2, 1]


def test_a_request_that_changed_nothing_is_not_told_in_words_of_its_sender() -> None:
    outcome = Outcome(
        kind=Outcome.Kind.PROCESSED, made={"status": Outcome.STALE}, at=timezone.now()
    )
    assert timeline.end(outcome, theirs=lambda text: "•••").text == timeline.STALE
