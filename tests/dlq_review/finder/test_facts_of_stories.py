"""What a story tells of each row, in whose words, and which requests belong to it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from dlq_review.finder import lookup
from dlq_review.finder.rows import rows_of
from dlq_review.finder.story import tell
from dlq_review.letters import settlement
from dlq_review.models import Arrival, AuditEntry, DeadLetter
from processing.delivery import processor
from processing.events.envelope import Event
from processing.models import Outcome, Signup, SpooledEvent, User
from tests.builders import dead_letter, message, order_created, signup_requested

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


def test_the_outcome_of_a_request_tells_first_to_which_it_belongs() -> None:
    dead_letter(order_created(id="r-1"))
    DeadLetter.objects.update(correlation_id="of-letter")
    assert rows_of("r-1").correlation_id == "of-letter"
    outcome = Outcome.objects.create(pk="r-1", correlation_id="of-outcome")
    assert rows_of("r-1").correlation_id == "of-outcome"
    Outcome.objects.update(correlation_id="")
    assert rows_of(outcome.request_id).correlation_id == "of-letter"
    DeadLetter.objects.update(correlation_id="")
    assert rows_of("r-1").correlation_id == ""


def test_requests_that_name_no_other_are_not_related() -> None:
    for request_id in ("r-1", "r-2"):
        dead_letter(order_created(id=request_id))
        Outcome.objects.create(pk=f"{request_id}-done", kind=Outcome.Kind.PROCESSED)
    DeadLetter.objects.update(correlation_id="")
    Outcome.objects.update(correlation_id="")
    for request_id in ("r-1", "r-2", "r-1-done", "r-3"):
        assert tell(request_id).related == []


def test_a_sign_up_and_what_waits_in_the_spool_are_told() -> None:
    event = signup_requested(email="grace@example.com")
    processor.handle(message(Event.new(event.data, id="r-1")))
    account = User.objects.get(email="grace@example.com")
    Signup.objects.get_or_create(
        request_id="r-1", defaults={"account": account, "asked_at": timezone.now()}
    )
    at = timezone.now() + timedelta(hours=1)
    SpooledEvent.objects.create(
        request_id="r-1", next_try_at=at, refusal="OSError: no route"
    )
    SpooledEvent.objects.update(created_at=at)
    told = {one.title: one for one in tell("r-1").moments}
    assert f"Stored the signup {account}" in told
    first = tell("r-1").moments[0]
    assert (first.title, first.text, first.at) == (
        "Kept in the spool, because SQS had not taken it",
        "OSError: no route",
        at,
    )


def test_words_of_people_are_veiled_otherwise_than_those_of_holdfast() -> None:
    """Nobody can know whom people name where the body cannot be read."""
    letter = dead_letter("no JSON")
    AuditEntry.note(letter, AuditEntry.Verb.NOT_SENT, reason="no queue of 'Ada'")
    words = "Dear Zoe, call us."
    settlement.discard(letter, by="ada", reason=words, message_for_sender=words)
    told = {one.kind: one.text for one in tell(letter.request_id).moments}
    assert told["not_sent"] == "no queue of •••"
    assert (told["discarded"], told["outcome"]) == ("•••", "•••")


@pytest.mark.parametrize(("dlq", "found"), [("orders-dlq", True), ("another", False)])
def test_a_message_is_known_by_its_id_in_one_of_our_queues(
    dlq: str, found: bool
) -> None:
    dead_letter(order_created(id="r-1"))
    Arrival.objects.update(dlq=dlq, message_id="m-1")
    assert lookup.find("m-1", personal=False).requests == (["r-1"] if found else [])


@pytest.mark.parametrize("text", ["r-1\0", "\0", " \n", ""])
def test_what_no_database_takes_is_not_looked_up(
    django_assert_num_queries: DjangoAssertNumQueries, text: str
) -> None:
    with django_assert_num_queries(0):
        assert lookup.find(text, personal=True) == lookup.Found()
