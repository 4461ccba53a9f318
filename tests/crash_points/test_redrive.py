"""Kill a real process between two steps of a redrive.

Then start again, and check the books.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from dlq_review.models import (
    DeadLetter,
)
from dlq_review.redrive import claims
from processing.events.envelope import Event
from tests.builders import (
    order_created,
    redrive_now,
)
from tests.crash_points.letters import (
    processed_once,
    pulled,
    send_dead,
)
from tests.crash_points.system import Point

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]
S = DeadLetter.State


def settle_once(point: Point, letter: DeadLetter, event: Event, crash_at: str) -> None:
    """Crash while claimed letters are sent: the redrive takes effect, and only once."""
    point.step("settle", crash_at=crash_at)
    point.drain()
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == (S.RESOLVED, 1)
    processed_once(event)


@pytest.mark.long  # the steps of a set hold these
@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.transitions:_write_trail 1",
        "after dlq_review.redrive.claims:take_all 1",
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.letters.transitions:_write_trail 2",
        "after dlq_review.redrive.sender:send_claimed 1",
    ],
)
def test_redrive(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    point.step("redrive", event.id, crash_at=crash_at)
    letter.refresh_from_db()
    if letter.state == S.OPEN:  # it died before the claim, so somebody asks again
        redrive_now(letter, by="ada")
    point.drain()
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == (S.RESOLVED, 1)
    processed_once(event)


REDRIVE_OF_A_SET = [
    "after dlq_review.letters.transitions:_write_trail 1",  # in the claim
    "after dlq_review.redrive.claims:take_all 1",
    "after processing.sqs.batches:send_batch 1",  # of two calls
    "after processing.sqs.publisher:publish_many 1",
    "after dlq_review.letters.transitions:_update 2",  # in the record
    "after dlq_review.letters.transitions:_write_trail 2",
]


@pytest.mark.parametrize("crash_at", REDRIVE_OF_A_SET)
def test_redrive_of_a_set(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]
    send_dead(*events)
    point.drain()
    point.step("redrive_all", crash_at=crash_at)
    letters = DeadLetter.objects.all()
    assert len({letter.state for letter in letters}) == 1, "a set half committed"
    if letters[0].state == S.OPEN:  # it died before the claim, so somebody asks again
        point.step("redrive_all")
    point.drain()
    found = letters.values_list("state", "redrives")
    assert set(found) == {(S.RESOLVED, 1)}
    processed_once(*events)


@pytest.mark.parametrize(
    "crash_at",
    [
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.redrive.sender:send_claimed 1",
        "after dlq_review.letters.settlement:reconcile 1",
    ],
)
def test_resend_what_was_claimed(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    claims.claim(letter, by="ada", reason="")
    DeadLetter.objects.update(claimed_at=timezone.now() - timedelta(minutes=1))
    settle_once(point, letter, event, crash_at)


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.redrive.undo_window:_begin_to_send 1",
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.redrive.undo_window:send_due 1",
    ],
)
def test_send_what_is_due(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    claims.claim(letter, by="ada", reason="", send_after=timezone.now())
    settle_once(point, letter, event, crash_at)
