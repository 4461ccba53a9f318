"""The stored text of a failure names nobody whom any body of its letter tells."""

import pytest

from dlq_review.groups import merge
from dlq_review.letters import error_texts, revisions
from dlq_review.models import DeadLetter
from processing.events.masking import MASK
from tests.builders import dead_letter, failed_attempt, failure, signup_requested

pytestmark = pytest.mark.django_db
TOLD = "No room for Byron and Quill."


def of_two_bodies() -> tuple[DeadLetter, int]:
    """A letter that tells of another person since it was edited, and its characters."""
    event = signup_requested(name="Ada Byron")
    letter = dead_letter(event, queue="signups-dlq")
    edited = event.body.replace("Ada Byron", "Zoe Quill")
    revisions.edit(letter, edited, based_on=0, by="ada", reason="x")
    return letter, len(event.body) + len(edited)


def test_a_text_is_masked_by_each_body_that_the_letter_has_had() -> None:
    letter, _ = of_two_bodies()
    assert error_texts.of_failure(letter, TOLD) == f"No room for {MASK} and {MASK}."


@pytest.mark.parametrize("less", [0, 1])
def test_a_text_of_more_than_can_be_looked_through_is_hidden(
    monkeypatch: pytest.MonkeyPatch, less: int
) -> None:
    letter, size = of_two_bodies()
    monkeypatch.setattr(error_texts, "MOST_MASKED", size - less)
    assert (error_texts.of_failure(letter, TOLD) == MASK) is bool(less)


def test_a_name_at_which_the_text_was_cut_goes_too() -> None:
    event = signup_requested(name="Ada Byron")
    told = failure(error_text="a " * 248 + "Quill has no room.")
    letter = dead_letter(event, queue="signups-dlq", attributes=told)
    DeadLetter.objects.filter(pk=letter.pk).update(error_text="a " * 248 + "Quil")
    letter.refresh_from_db()
    edited = event.body.replace("Ada Byron", "Zoe Quill")
    revisions.edit(letter, edited, based_on=0, by="ada", reason="x")
    letter.refresh_from_db()
    assert letter.error_text.startswith("a a ")
    assert "Quil" not in letter.error_text


def test_what_another_body_masks_more_of_is_no_other_failure() -> None:
    place = "processing/handlers/signups.py:sign_up"
    told = {"error_text": TOLD, "error_type": "MailError", "place": place}
    other = signup_requested(name="Nobody")
    failed_attempt(other, **told)
    group = dead_letter(other, queue="signups-dlq").group
    letter, _ = of_two_bodies()
    event = signup_requested(name="Grace").model_copy(update={"id": letter.request_id})
    failed_attempt(event, **told)
    dead_letter(event, queue="signups-dlq")
    letter.refresh_from_db()
    assert letter.error_text == f"No room for {MASK} and {MASK}."
    assert letter.group == group


def test_a_merged_letter_has_its_name_masked_in_the_group_of_its_own_failure() -> None:
    told = failure(error_type="TimeoutError", error_text="No room for Quill.")
    event = signup_requested(name="Ada Byron")
    letter = dead_letter(event, queue="signups-dlq", attributes=told)
    own, into = letter.group, dead_letter().group
    assert "Quill" in own.sentence
    merge.merge(own, into, by="ada", reason="the same")
    letter.refresh_from_db()
    edited = event.body.replace("Ada Byron", "Zoe Quill")
    revisions.edit(letter, edited, based_on=0, by="ada", reason="x")
    own.refresh_from_db()
    assert (letter.group, letter.origin) == (into, own)
    assert "Quill" not in own.sentence + own.template
