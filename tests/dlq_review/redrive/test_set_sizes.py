"""A set takes as many letters as there is room for, by their number and by their bodies."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dlq_review.models import DeadLetter
from dlq_review.redrive import claims, sender
from dlq_review.redrive.terms import Redrive, Terms
from processing.events.envelope import Event
from processing.sqs import publisher
from tests.builders import dead_letter, order_created

pytestmark = pytest.mark.django_db

UNIT = 1_000  # characters, more than an order has
ROOM, SET = 3, 5  # units, and letters, of a set


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The request ids of each set, as they are handed over to be published."""
    sets: list[list[str]] = []
    publish_many = publisher.publish_many

    def noted(events: Iterable[Event], *more: Any) -> Any:
        some = list(events)
        sets.append([event.id for event in some])
        return publish_many(some, *more)

    monkeypatch.setattr(publisher, "publish_many", noted)
    monkeypatch.setattr(sender, "ROOM", ROOM * UNIT)
    monkeypatch.setattr(sender, "SET", SET)
    return sets


def redrive(letters: list[DeadLetter]) -> None:
    done = sender.redrive_many([Redrive(one, 0) for one in letters], Terms("ada"))
    assert [one.error for one in done] == [None] * len(letters)


def resend(letters: list[DeadLetter]) -> None:
    """Send what a process had claimed, in the order of the claims, before it ended."""
    for number, letter in enumerate(letters):
        claims.claim(letter, by="ada", reason="")
        at = timezone.now() - timedelta(hours=1) + timedelta(seconds=number)
        DeadLetter.objects.filter(pk=letter.pk).update(claimed_at=at)
    assert sender.resend_claimed() == len(letters)


@pytest.mark.parametrize("send", [redrive, resend])
@pytest.mark.parametrize(
    ("units", "sets"),
    [
        ([], []),
        ([1], [1]),
        ([4], [1]),  # too large for any set
        ([1, 1], [2]),
        ([1, 2], [2]),  # full to the last character
        ([2, 2], [1, 1]),
        ([4, 4], [1, 1]),
        ([1, 1, 1], [3]),
        ([1, 1, 1, 1], [3, 1]),
        ([3, 1, 1, 1], [1, 3]),  # behind a cut there is all the room again
        ([2, 2, 1, 2, 1, 1], [1, 2, 2, 1]),
        ([1, 4, 1, 2], [1, 1, 2]),
        ([0.5] * 5, [5]),
        ([0.5] * 6, [5, 1]),
        ([0.5] * 5 + [3, 0.5], [5, 1, 1]),  # nor does a cut by number keep it taken
    ],
)
def test_a_set_is_cut_where_the_next_letter_finds_no_room(
    sqs: None,
    sent: list[list[str]],
    units: list[float],
    sets: list[int],
    send: Callable[[list[DeadLetter]], None],
) -> None:
    letters = [
        dead_letter(order_created().body.ljust(int(size * UNIT))) for size in units
    ]
    send(letters)
    assert [len(some) for some in sent] == sets
    assert sum(sent, []) == [one.request_id for one in letters]
    assert set(DeadLetter.objects.values_list("state", flat=True)) <= {"redriven"}
