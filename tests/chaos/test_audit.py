"""The audit sees what it is there to see."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, FailureGroup
from processing.delivery import processor
from processing.events.envelope import Event
from processing.models import Outcome, UnderReview
from tests.boot.witness import CREATE, INSERT
from tests.builders import dead_letter, order_created
from tests.chaos.audit import Audit
from tests.chaos.clients import Fates
from tests.chaos.producer import Sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


@pytest.fixture(autouse=True)
def witness() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(CREATE)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE chaos_effect")


def took_effect(event: Event, times: int = 1) -> None:
    with connection.cursor() as cursor:
        for _ in range(times):
            cursor.execute(INSERT, [event.id])


def processed(event: Event) -> Event:
    processor.process(event)
    took_effect(event)
    return event


def violations(*accepted: Event, sent: Sent | None = None) -> list[str]:
    fates = Fates(accepted={event.id: event.type for event in accepted})
    return Audit(fates, sent or Sent(), Path("nowhere")).violations()


def test_what_is_processed_discarded_or_in_review_balances() -> None:
    done, waiting, discarded = order_created(), order_created(), order_created()
    processed(done)
    dead_letter(waiting)
    settlement.discard(dead_letter(discarded), by="ada", reason="a test")
    assert violations(done, waiting, discarded) == []


def test_an_accepted_request_without_a_place_is_lost() -> None:
    lost = order_created()
    assert f"{lost.id} is LOST: no outcome, not in review" in violations(lost)


def test_a_second_effect_is_seen() -> None:
    twice = processed(order_created())
    took_effect(twice)
    assert violations(twice) == [f"{twice.id} took effect 2 times"]


def test_an_effect_after_a_discard_is_seen() -> None:
    event = order_created()
    settlement.discard(dead_letter(event), by="ada", reason="a test")
    took_effect(event)
    assert f"{event.id} took effect and is not processed" in violations(event)


def test_an_effect_nobody_asked_for_is_seen() -> None:
    stray = processed(order_created())
    assert violations() == [f"{stray.id} took effect and nobody asked for it"]


def test_an_effect_of_a_refused_request_is_seen() -> None:
    event = processed(order_created(order_id="BAD-1-1"))
    assert "order BAD-1-1 was refused and exists" in violations(event)


def test_a_poisonous_body_that_vanished_is_seen() -> None:
    dead_letter("here")
    found = violations(sent=Sent(poison=["here", "gone"]))
    assert found == ["a poisonous body is LOST: 'gone'"]


def test_a_redrive_without_its_record_is_seen() -> None:
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(redrives=1)
    (sentence,) = violations()
    assert "counts 1 redrives, and was sent 0 times" in sentence


def test_counters_and_marks_that_are_wrong_are_seen() -> None:
    dead_letter()
    FailureGroup.objects.update(waiting=5)
    UnderReview.objects.all().delete()
    found = violations()
    assert any("says 5 wait, and 1 do" in sentence for sentence in found)
    assert "the marks for receipts differ from the dead letters that wait" in found


def test_a_tombstone_that_is_missing_is_seen() -> None:
    settlement.discard(dead_letter(), by="ada", reason="a test")
    Outcome.objects.all().delete()
    assert any("without a tombstone" in sentence for sentence in violations())
