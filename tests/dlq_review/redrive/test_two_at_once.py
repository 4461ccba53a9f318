"""Two processes that do the same to the same set of letters, on PostgreSQL."""

from itertools import chain
from typing import Any

import pytest
from django.db import connection

from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.redrive.sender import redrive_many
from dlq_review.redrive.terms import Redrive, Terms
from processing.events.envelope import Event
from processing.sqs import publisher
from processing.sqs.batches import Sent
from tests.builders import dead_letter, failure
from tests.dlq_review.kept_counters import assert_counted
from tests.dlq_review.threads import together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite has one writer at a time"
    ),
]

KINDS = ("AError", "BError", "CError")


def test_of_two_who_redrive_the_same_set_each_letter_is_sent_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(12):
        dead_letter(attributes=failure(error_type=KINDS[number % 3]))
    sent: list[str] = []

    def publish(events: list[Event], *_: Any) -> list[Sent]:
        sent.extend(event.id for event in events)
        return [Sent(event, message_id="m") for event in events]

    monkeypatch.setattr(publisher, "publish_many", publish)
    done: list[list[str]] = []

    def redrive(backwards: bool) -> None:
        letters = DeadLetter.objects.order_by("-pk" if backwards else "pk")
        chosen = [Redrive(letter, 0) for letter in letters]
        results = redrive_many(chosen, Terms("ada"))
        done.append([one.letter.request_id for one in results if one.error is None])

    together(lambda: redrive(False), lambda: redrive(True))
    assert sorted(sent) == sorted(set(sent))
    assert len(sent) == 12
    assert sorted(chain(*done)) == sorted(sent)
    assert set(DeadLetter.objects.values_list("state", "redrives")) == {("redriven", 1)}
    assert_counted()


def test_of_two_who_discard_the_same_set_each_letter_is_discarded_by_one() -> None:
    for number in range(12):
        dead_letter(attributes=failure(error_type=KINDS[number % 3]))
    done: list[int] = []

    def discard(backwards: bool) -> None:
        letters = list(DeadLetter.objects.order_by("-pk" if backwards else "pk"))
        refused = settlement.discard_all(letters, by="ada", reason="x")
        done.extend(
            letter.pk
            for letter, error in zip(letters, refused, strict=True)
            if not error
        )

    together(lambda: discard(False), lambda: discard(True))
    assert sorted(done) == sorted(DeadLetter.objects.values_list("pk", flat=True))
    assert AuditEntry.objects.filter(verb="discarded").count() == 12
    assert_counted()
