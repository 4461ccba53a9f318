import json
import re

import pytest

from dlq_review import errors
from dlq_review.errors import WrongStateError
from dlq_review.letters import revisions
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.models import DeadLetter
from dlq_review.redrive import claims
from tests.builders import dead_letter, failure, order_created, signup_requested

pytestmark = pytest.mark.django_db


def broken() -> tuple[DeadLetter, str]:
    """A letter whose currency is wrong, and the text that repairs it."""
    event = order_created()
    return dead_letter(event.body.replace("EUR", "XXX")), event.body


def test_an_edit_adds_a_revision_and_keeps_the_original() -> None:
    letter, repaired = broken()
    revisions.edit(letter, repaired, based_on=0, by="ada", reason="wrong currency")
    letter.refresh_from_db()
    original, edited = letter.revisions.order_by("number")
    assert "XXX" in original.body
    assert (edited.number, edited.by, edited.reason) == (1, "ada", "wrong currency")
    assert (letter.revision, letter.state) == (1, "open")
    assert letter.body_fingerprint == edited.fingerprint != ""
    noted = letter.audit.get(verb="edited")
    assert (noted.actor, noted.reason) == ("ada", "wrong currency")
    assert (noted.before, noted.after) == ("revision 0", "revision 1")


def test_the_second_of_two_editors_is_told_who_was_first() -> None:
    letter, repaired = broken()
    seen_by_bob = DeadLetter.objects.get(pk=letter.pk)
    revisions.edit(letter, repaired, based_on=0, by="ada", reason="wrong currency")
    told = (
        "Revision 1 was saved first, by ada (wrong currency). "
        "Yours was not saved; your text is kept."
    )
    with pytest.raises(revisions.StaleEditError, match=re.escape(told)):
        revisions.edit(seen_by_bob, repaired, based_on=0, by="bob", reason="mine")
    assert letter.revisions.count() == 2
    newer = repaired.replace("TEA-1", "CUP-2")
    revisions.edit(letter, newer, based_on=1, by="carl", reason="wrong tea")
    with pytest.raises(revisions.StaleEditError, match="Revision 2 .* by carl"):
        revisions.edit(seen_by_bob, repaired, based_on=0, by="bob", reason="mine")


def test_an_edit_needs_a_reason() -> None:
    letter, repaired = broken()
    with pytest.raises(errors.ReasonMissingError):
        revisions.edit(letter, repaired, based_on=0, by="ada", reason="  ")


def test_an_edit_that_breaks_the_contract_names_each_field() -> None:
    letter, repaired = broken()
    body = repaired.replace('"quantity":2', '"quantity":0').replace("C-17", "?")
    with pytest.raises(NotAnEventError) as caught:
        revisions.edit(letter, body, based_on=0, by="ada", reason="try")
    fields = {problem.field for problem in caught.value.problems}
    assert fields == {"data.customer_id", "data.items.0.quantity"}
    assert letter.revisions.count() == 1


@pytest.mark.parametrize(
    ("field", "value"), [("id", "another"), ("type", "order_updated")]
)
def test_the_request_id_and_the_type_are_locked(field: str, value: str) -> None:
    letter, repaired = broken()
    body = json.loads(repaired) | {field: value}
    with pytest.raises(NotAnEventError):
        revisions.edit(letter, json.dumps(body), based_on=0, by="ada", reason="try")


def test_what_was_unreadable_may_become_any_event() -> None:
    letter = dead_letter("not an event", queue="signups-dlq")
    body = json.loads(signup_requested().body) | {"id": letter.request_id}
    revisions.edit(letter, json.dumps(body), based_on=0, by="ada", reason="rewritten")
    letter.refresh_from_db()
    assert letter.type == "signup_requested"
    assert letter.reference == "ada@example.com"


@pytest.mark.parametrize("state", ["claimed", "redriven", "resolved", "discarded"])
def test_only_what_waits_can_be_edited(state: str) -> None:
    letter, repaired = broken()
    letter.state = state
    with pytest.raises(WrongStateError):
        revisions.edit(letter, repaired, based_on=0, by="ada", reason="try")


def test_a_letter_claimed_meanwhile_is_not_edited() -> None:
    letter, repaired = broken()
    DeadLetter.objects.filter(pk=letter.pk).update(state="claimed")
    told = "changed its state meanwhile. Yours was not saved."
    with pytest.raises(revisions.StaleEditError, match=told):
        revisions.edit(letter, repaired, based_on=0, by="ada", reason="try")


def test_a_text_nobody_can_oversee_is_refused() -> None:
    letter, repaired = broken()
    with pytest.raises(NotAnEventError, match="64 KiB"):
        revisions.check(letter, repaired + " " * 70_000)


def test_whoever_edited_has_the_text_of_the_failure_as_it_is_masked_now() -> None:
    event = signup_requested(name="Ada")
    letter = dead_letter(event, attributes=failure(error_text="No room for Quill."))
    assert letter.error_text == "No room for Quill."
    named = event.body.replace('"Ada"', '"Zoe Quill"')
    revisions.edit(letter, named, based_on=0, by="ada", reason="x")
    assert "Quill" not in letter.error_text
    stored = DeadLetter.objects.get(pk=letter.pk)
    assert letter.error_text == stored.error_text


IDENTITY = ("type", "reference", "customer_id", "body_fingerprint", "state")


def test_a_body_that_is_put_back_brings_back_what_the_letter_is_known_by() -> None:
    event = order_created(order_id="ORD-1", customer_id="C-1")
    letter = dead_letter(event)
    known = [getattr(letter, name) for name in IDENTITY]
    other = order_created(id=event.id, order_id="ORD-2", customer_id="C-2")
    revisions.edit(letter, other.body, based_on=0, by="ada", reason="x")
    assert (letter.reference, letter.customer_id) == ("ORD-2", "C-2")
    saved = revisions.put_back(letter, 0, by="bob", reason="not that")
    assert (saved.number, saved.by, saved.reason) == (2, "bob", "not that")
    for one in (letter, DeadLetter.objects.get(pk=letter.pk)):
        assert [getattr(one, name) for name in IDENTITY] == known


def test_a_letter_that_is_being_sent_gets_no_body_put_back() -> None:
    letter, repaired = broken()
    revisions.edit(letter, repaired, based_on=0, by="ada", reason="x")
    claims.claim(letter, by="ada", reason="")
    with pytest.raises(WrongStateError, match="can be edited"):
        revisions.put_back(letter, 0, by="bob", reason="x")
    assert DeadLetter.objects.get(pk=letter.pk).state == "claimed"


@pytest.mark.parametrize("more", [0, 1])
def test_an_edit_takes_as_many_bytes_as_it_says(more: int) -> None:
    event = signup_requested(name="Zoë")
    letter = dead_letter(event, queue="signups-dlq")
    size = len(event.body.encode())
    body = event.body + " " * (revisions.LONGEST_EDIT - size + more)
    if not more:
        assert revisions.check(letter, body).id == event.id
        return
    with pytest.raises(NotAnEventError, match="64 KiB"):
        revisions.check(letter, body)


def test_of_two_edits_of_one_letter_at_once_the_first_is_saved() -> None:
    letter, repaired = broken()
    other = repaired.replace("TEA-1", "CUP-2")
    edits = [revisions.Edit(letter, body, 0) for body in (repaired, other)]
    first, second = revisions.edit_all(edits, by="ada", reason="x")
    assert not isinstance(first, errors.ReviewError)
    assert isinstance(second, revisions.StaleEditError)
    assert letter.revisions.count() == 2
