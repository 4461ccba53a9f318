"""What is purged of a letter that is settled, and what its sender is mailed."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dlq_review.letters import outcome_mail, retention, settlement
from dlq_review.models import AuditEntry, DeadLetter
from processing.delivery import processor
from processing.metrics.declared import REPAIRS
from processing.models import Outcome, OutcomeMail, SpooledEvent
from processing.receipts import State, Status
from tests.builders import dead_letter, message, order_created

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def fresh(letter: DeadLetter) -> DeadLetter:
    return DeadLetter.objects.get(pk=letter.pk)


@pytest.mark.parametrize(
    ("correlation_id", "message", "made", "reason"),
    [
        ("trace-1", "", {}, "twice"),
        (
            *("", "Call us.", {Outcome.MESSAGE_FOR_SENDER: "Call us."}),
            "twice The sender is told: Call us.",
        ),
    ],
)
def test_a_tombstone_says_to_whom_it_belongs_and_what_its_sender_is_told(
    correlation_id: str, message: str, made: dict[str, str], reason: str
) -> None:
    letter = dead_letter()
    letter.correlation_id = correlation_id
    letter.save()
    settlement.discard(letter, by="ada", reason="twice", message_for_sender=message)
    tombstone = Outcome.objects.get()
    assert tombstone.correlation_id == (correlation_id or letter.request_id)
    assert (tombstone.made, tombstone.kind) == (made, "discarded")
    assert letter.audit.get(verb="discarded").reason == reason


def test_a_purge_is_noted_in_the_trail_of_each_letter() -> None:
    letters = [dead_letter(), dead_letter()]
    settlement.discard(letters[0], by="ada", reason="x")
    DeadLetter.objects.filter(state="discarded").update(settled_at=timezone.now())
    assert retention.due(timezone.now() + MINUTE) == 1
    assert retention.purge(timezone.now() + MINUTE) == 1
    purged = AuditEntry.objects.filter(verb="purged")
    assert list(purged.values_list("letter", "actor")) == [(letters[0].pk, "")]
    assert fresh(letters[1]).purged_at is None
    assert retention.purge(timezone.now() + MINUTE, seconds=0) == 0


def test_what_staff_did_is_counted_once_it_is_committed(
    django_capture_on_commit_callbacks: Any,
) -> None:
    before = REPAIRS.totals()
    with django_capture_on_commit_callbacks() as committed:
        settlement.discard(dead_letter(), by="ada", reason="x")
        assert REPAIRS.totals() == before
    for call in committed:
        call()
    assert REPAIRS.totals()[("discarded",)] == before[("discarded",)] + 1


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.DONE, "It is done."),
        (State.NOT_ACCEPTED, "It was not accepted, and it is closed."),
        (State.STALE, "A later change was stored before, so nothing was changed."),
        (State.PROCESSING, "It has ended."),
    ],
)
def test_each_outcome_is_mailed_in_its_own_words(state: State, said: str) -> None:
    assert outcome_mail._outcome(Status(state)) == said


@pytest.mark.parametrize(
    ("type", "data", "found"),
    [
        ("order_created", {"email": "ada@example.com"}, "ada@example.com"),
        ("order_created", {"email": "no address"}, ""),
        ("order_created", {"email": 7}, ""),
        ("order_created", [], ""),
        ("email_requested", {"email": "ada@example.com"}, ""),
        ("unheard", {"email": "ada@example.com"}, ""),
    ],
)
def test_only_the_address_of_a_sender_is_mailed(
    type: str, data: Any, found: str
) -> None:
    assert outcome_mail.address_in(json.dumps({"type": type, "data": data})) == found


def test_a_mail_belongs_to_the_request_that_it_is_about() -> None:
    event = order_created(order_id="ORD-1")
    letter = dead_letter(event)
    DeadLetter.objects.update(correlation_id="")
    OutcomeMail.objects.create(request_id=event.id, piece=letter.body_fingerprint[:16])
    processor.handle(message(event))
    assert Outcome.objects.get().kind == "processed"
    assert outcome_mail.send() == 1
    (row,) = SpooledEvent.objects.all()
    mail = json.loads(row.body)
    assert (row.cause, mail["correlation_id"]) == (event.id, event.id)
    assert "how your request about order ORD-1 ends." in mail["data"]["body"]
