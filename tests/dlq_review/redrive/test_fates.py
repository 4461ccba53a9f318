"""What is foretold of a redrive is what the redrive then does."""

import pytest
from django.db.models import F
from pytest_django import Settings

from dlq_review.letters import revisions
from dlq_review.models import DeadLetter
from dlq_review.redrive import sender
from dlq_review.redrive.fates import Fate, fates
from dlq_review.redrive.terms import Redrive, Terms
from processing.events.envelope import Event
from processing.models import Outcome
from tests.builders import dead_letter, order_created, signup_requested

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
#: How the refusal of a letter begins, by its fate.
REFUSALS = {
    Fate.INVALID: "The body is not a valid event.",
    Fate.NOT_ALLOWED: "An event of signups may not be redriven to emails",
    Fate.TOMBSTONE: "The request was discarded",
    Fate.DONE_OTHERWISE: "This request id was processed with another body",
    Fate.LIMIT_REACHED: "Redriven 5 times already",
}


def outcome(letter: DeadLetter, kind: Outcome.Kind, fingerprint: str) -> None:
    Outcome.objects.create(
        request_id=letter.request_id,
        kind=kind,
        type=letter.type,
        fingerprint=fingerprint,
        correlation_id=letter.request_id,
    )


@pytest.fixture
def letters(settings: Settings) -> dict[Fate, DeadLetter]:
    """One letter of each fate; each meets the conditions of later fates too, where it can."""
    settings.REDRIVE_TARGETS = ["orders:emails"]
    settings.REDRIVE_LIMIT = 5
    bodies: dict[Fate, str | Event] = {
        Fate.INVALID: "no event",
        Fate.NOT_ALLOWED: signup_requested(),
    }
    found = {fate: dead_letter(bodies.get(fate)) for fate in Fate}
    done = found[Fate.DONE_ALREADY]
    was = done.body_fingerprint
    body = order_created(id=done.request_id).body
    revisions.edit(done, body, based_on=0, by="ada", reason="x")
    outcome(done, Outcome.Kind.PROCESSED, was)
    for fate, kind in {
        Fate.NOT_ALLOWED: Outcome.Kind.DISCARDED,
        Fate.TOMBSTONE: Outcome.Kind.DISCARDED,
        Fate.DONE_OTHERWISE: Outcome.Kind.PROCESSED,
        Fate.LIMIT_REACHED: Outcome.Kind.REFUSED,
        Fate.SENT: Outcome.Kind.REFUSED,
    }.items():
        outcome(found[fate], kind, "another")
    over = [one.pk for fate, one in found.items() if fate != Fate.SENT]
    DeadLetter.objects.filter(pk__in=over).update(redrives=F("redrives") + 5)
    for one in found.values():
        one.refresh_from_db()
    return found


def test_each_letter_meets_the_fate_that_was_foretold(
    letters: dict[Fate, DeadLetter],
) -> None:
    for fate, letter in letters.items():
        mine = DeadLetter.objects.filter(pk=letter.pk)
        assert fates(mine, to="emails", override_limit=False) == {fate: 1}
        one = Redrive(letter, letter.revision)
        (done,) = sender.redrive_many([one], Terms("ada", "fixed", to="emails"))
        if fate.skipped:
            assert str(done.error).startswith(REFUSALS[fate])
        else:
            assert done.error is None
        letter.refresh_from_db()
        states = {Fate.SENT: "redriven", Fate.DONE_ALREADY: "resolved"}
        waits = "quarantined" if fate == Fate.INVALID else "open"
        assert letter.state == states.get(fate, waits)


def test_the_limit_and_the_queue_keep_back_only_where_they_are_asked(
    letters: dict[Fate, DeadLetter],
) -> None:
    chosen = DeadLetter.objects.filter(
        pk__in=[letters[one].pk for one in (Fate.LIMIT_REACHED, Fate.NOT_ALLOWED)]
    )
    found = fates(chosen, to="", override_limit=True)
    assert found == {Fate.SENT: 1, Fate.TOMBSTONE: 1}


def test_to_its_own_queue_every_letter_may_go() -> None:
    dead_letter()
    dead_letter(signup_requested())
    for to, found in (
        ("orders", {Fate.SENT: 1, Fate.NOT_ALLOWED: 1}),
        ("signups", {Fate.SENT: 1, Fate.NOT_ALLOWED: 1}),
        ("emails", {Fate.NOT_ALLOWED: 2}),
    ):
        assert fates(DeadLetter.objects.all(), to=to, override_limit=False) == found


@pytest.mark.parametrize(("limit", "fate"), [(0, Fate.SENT), (5, Fate.LIMIT_REACHED)])
def test_without_a_limit_none_is_reached(
    settings: Settings, limit: int, fate: Fate
) -> None:
    settings.REDRIVE_LIMIT = limit
    dead_letter()
    DeadLetter.objects.update(redrives=9)
    found = fates(DeadLetter.objects.all(), to="", override_limit=False)
    assert found == {fate: 1}


def test_the_body_of_another_letter_of_the_request_is_another_body() -> None:
    first = order_created()
    dead_letter(first)
    other = dead_letter(order_created(id=first.id), queue="emails-dlq")
    outcome(other, Outcome.Kind.PROCESSED, first.fingerprint)
    mine = DeadLetter.objects.filter(pk=other.pk)
    assert fates(mine, to="", override_limit=False) == {Fate.DONE_OTHERWISE: 1}
