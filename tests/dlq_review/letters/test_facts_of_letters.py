"""What is kept, told and taken out of a letter, at each turn that it takes."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from dlq_review.letters import (
    blame,
    current_event,
    error_texts,
    revisions,
)
from dlq_review.letters.transitions import move, note_reveal, tell_receipts
from dlq_review.models import Arrival, AuditEntry, DeadLetter
from dlq_review.redrive import claims
from processing.events.envelope import parse
from processing.events.masking import MASK
from processing.models import UnderReview
from tests.builders import (
    dead_letter,
    failure,
    order_created,
    signup_requested,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def fresh(letter: DeadLetter) -> DeadLetter:
    return DeadLetter.objects.get(pk=letter.pk)


# -- The field that is to blame ---------------------------------------------------------
def refused() -> DeadLetter:
    told = failure(error_field="data.order_id")
    return dead_letter(order_created(order_id="ORD-1"), attributes=told)


@pytest.mark.parametrize(
    ("change", "blamed"),
    [
        ({}, True),
        ({"customer_id": "C-9"}, True),
        ({"order_id": "ORD-2"}, False),
        ({"order_id": None}, False),
    ],
)
def test_a_field_is_blamed_as_long_as_it_says_the_same(
    change: dict[str, Any], blamed: bool
) -> None:
    letter = refused()
    body = json.loads(current_event.current(letter).body)
    body["data"] |= change
    found = blame.blamed(letter, json.dumps(body))
    assert [one.field for one in found] == (["data.order_id"] if blamed else [])
    assert blame.blamed(dead_letter(), json.dumps(body)) == []


def test_the_body_that_failed_last_is_what_a_field_is_blamed_in() -> None:
    letter = refused()
    original = current_event.current(letter).body
    edited = original.replace("ORD-1", "ORD-2")
    revisions.edit(letter, edited, based_on=0, by="ada", reason="x")
    assert [bool(blame.blamed(letter, one)) for one in (original, edited)] == [
        *(True, False)
    ]
    at = letter.revisions.get(number=1).at
    letter.last_failed_at = at  # it was sent with the edit, and failed again
    assert [bool(blame.blamed(letter, one)) for one in (original, edited)] == [
        *(False, True)
    ]
    letter.save()
    assert blame.edited_since([letter]) == set()
    DeadLetter.objects.update(last_failed_at=at - MINUTE)
    assert blame.edited_since([letter, dead_letter()]) == {letter.pk}
    DeadLetter.objects.update(revision=0)
    assert blame.edited_since([letter]) == set()


# -- The texts --------------------------------------------------------------------------
def test_a_text_is_masked_by_what_arrived_too() -> None:
    letter = dead_letter(signup_requested(name="Ada Byron"), queue="signups-dlq")
    Arrival.objects.update(body=signup_requested(name="Zoe Quill").body)
    text = "No room for Byron and Quill."
    assert error_texts.of_failure(letter, text) == f"No room for {MASK} and {MASK}."
    assert error_texts.of_failure(letter, "") == ""
    assert len(error_texts.of_failure(letter, "no " * 400)) == 500


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("Its page", "Its page"),
        ("Whether ada@example.com is known", "Whether a…@example.com is known"),
        ("x" * 501, "x" * 500),
    ],
)
def test_who_saw_what_is_kept_without_an_address(where: str, kept: str) -> None:
    note_reveal("eve", where)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.verb, entry.reason) == ("eve", "revealed", kept)


# -- The bodies -------------------------------------------------------------------------
def test_the_bodies_of_several_letters_are_those_that_are_current() -> None:
    events = [order_created(order_id=f"ORD-{n}") for n in range(3)]
    letters = [dead_letter(event) for event in events]
    edited = events[1].body.replace("TEA-1", "CUP-2")
    revisions.edit(letters[1], edited, based_on=0, by="ada", reason="x")
    expected = [events[0].body, edited, events[2].body]
    for read in (current_event.current_bodies, current_event.some_bodies):
        assert read(letters) == dict(
            zip([one.pk for one in letters], expected, strict=True)
        )
        assert read([]) == {}
    seen = DeadLetter(pk=letters[1].pk, revision=0)
    other = events[2].body.replace("TEA-1", "MUG-3")
    revisions.edit(letters[2], other, based_on=0, by="ada", reason="x")
    assert current_event.some_bodies([seen, letters[2]]) == {
        seen.pk: events[1].body,
        letters[2].pk: other,
    }


@pytest.mark.parametrize(
    ("body", "same"),
    [("{}", ""), ("no JSON", ""), (order_created(order_id="ORD-7").body, "ORD-7")],
)
def test_only_a_valid_event_has_a_fingerprint(body: str, same: str) -> None:
    found = current_event.fingerprint(body, "r-1")
    assert bool(found) is bool(same)
    if same:
        assert found == parse(body, fallback_id="r-1").fingerprint


@pytest.mark.parametrize(
    ("by", "reason", "said"),
    [
        ("ada", "wrong", "by ada (wrong)."),
        ("ada", "", "by ada (no reason given)."),
        ("", "x", "by Holdfast (x)."),
    ],
)
def test_whoever_was_later_is_told_by_whom_and_why(
    by: str, reason: str, said: str
) -> None:
    letter = dead_letter()
    letter.revisions.create(number=1, body="{}", by=by, reason=reason)
    assert f"Revision 1 was saved first, {said}" in str(revisions.stale(letter, 0))


def test_a_body_that_is_no_event_is_put_back_too() -> None:
    letter = dead_letter("no event")
    event = order_created(id=letter.request_id, order_id="ORD-1")
    revisions.edit(letter, event.body, based_on=0, by="ada", reason="x")
    assert (letter.type, letter.state) == ("order_created", "quarantined")
    revisions.put_back(letter, 0, by="bob", reason="y")
    now = fresh(letter)
    assert (now.type, now.reference, now.customer_id) == ("", "", "")
    assert (now.body_fingerprint, now.state, now.revision) == ("", "quarantined", 2)
    noted = now.audit.filter(verb="edited").order_by("-pk").first()
    assert noted is not None
    assert (noted.actor, noted.reason) == ("bob", "y")


# -- The moves --------------------------------------------------------------------------
def test_a_letter_that_moves_is_not_sent_at_the_time_that_was_meant() -> None:
    letter = dead_letter()
    claims.claim(letter, by="ada", reason="")
    DeadLetter.objects.update(send_after=timezone.now())
    letter = fresh(letter)
    move(letter, letter.resting_state, AuditEntry.Verb.NOT_SENT)
    for one in (letter, fresh(letter)):
        assert (one.state, one.send_after, one.settled_at) == ("open", None, None)


@transaction.atomic
def told(request_id: str) -> None:
    tell_receipts([request_id])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_receipt_tells_when_a_request_was_sent_again_for_the_last_time(
    order: tuple[int, int],
) -> None:
    event = order_created()
    letters = [dead_letter(event, queue=f"{one}-dlq") for one in ("orders", "emails")]
    now = timezone.now()
    for number, place in enumerate(order):
        at = now + number * MINUTE
        DeadLetter.objects.filter(pk=letters[place].pk).update(
            state="redriven", redriven_at=at
        )
    told(event.id)
    assert UnderReview.objects.get().sent_again_at == now + MINUTE
    DeadLetter.objects.filter(pk=letters[0].pk).update(state="claimed")
    told(event.id)
    assert UnderReview.objects.get().sent_again_at is None
    DeadLetter.objects.update(state="resolved")
    told(event.id)
    assert not UnderReview.objects.exists()
