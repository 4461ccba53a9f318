"""A group names nobody whom a body of one of its letters tells, however that came about."""

import json
from datetime import UTC, datetime
from functools import partial

import pytest
from django.apps import apps
from django.db import connection

from dlq_review.bodies.sentences import whole_words
from dlq_review.letters import revisions
from dlq_review.letters.revisions import Edit
from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.pull.arrivals import join
from processing.models import Attempt
from tests.builders import dead_letter, dead_message, failure, redrive_now, redriven
from tests.dlq_review.desk.test_texts_of_other_bodies import (
    FORMER,
    MASKED,
    TEXT,
    arrived,
    as_before,
    body,
    edit,
    migration,
)
from tests.dlq_review.threads import together

pytestmark = pytest.mark.django_db


def named() -> set[str]:
    """Who is named in the text of a group."""
    groups = FailureGroup.objects.all()
    said = " ".join(f"{one.template} {one.sentence}" for one in groups)
    return {name for name in ("Zquill", "Edsger") if name in said}


def alike() -> list[DeadLetter]:
    """Two letters of one group, whose bodies tell nobody whom the text names."""
    told = failure(error_type="MailError", error_text=TEXT)
    return [
        dead_letter(body(f"r-{name}", name), queue="signups-dlq", attributes=told)
        for name in ("Hopper", "Lovelace")
    ]


def edits(letters: list[DeadLetter]) -> list[Edit]:
    return [
        Edit(letter, body(letter.request_id, name), 0)
        for letter, name in zip(letters, ("Zquill", "Edsger"), strict=True)
    ]


def test_a_group_forgets_whom_each_of_its_letters_tells_by_and_by() -> None:
    for one in edits(alike()):
        revisions.edit_all([one], by="ada", reason="x")
    assert named() == set()


def test_a_group_forgets_whom_its_letters_tell_at_once() -> None:
    revisions.edit_all(edits(alike()), by="ada", reason="x")
    assert named() == set()


def test_a_group_of_a_text_with_a_long_quote_forgets_them_too() -> None:
    """Of the letter's own text, which is shorter, the template is another."""
    letter = arrived(text=f"No room for Edsger in 'a{'b' * 600}' today.")
    edit(letter, "Edsger")
    assert named() == set()


def test_a_group_keeps_what_says_why() -> None:
    revisions.edit_all(edits(alike()), by="ada", reason="x")
    group = FailureGroup.objects.get()
    assert (group.template, group.sentence) == (MASKED, "No room for ‹…› today.")


@pytest.mark.parametrize("times", [1, 2])
def test_what_earlier_releases_said_of_a_group_is_masked(times: int) -> None:
    letter = arrived()
    edit(letter, "Edsger")
    as_before(letter)
    sentence = "No room for ‹…› nor Edsger today."
    FailureGroup.objects.update(template=FORMER, sentence=sentence)
    for _ in range(times):
        migration.mask_stored(apps, None)
    assert named() == set()


# -- A text of a failure ------------------------------------------------------------
def failed_again(letter: DeadLetter, name: str, text: str, **more: str) -> DeadLetter:
    redrive_now(letter, by="ada")
    told = body(letter.request_id, name)
    attributes = {**failure(error_type="MailError", error_text=text, **more)}
    attributes |= redriven(letter)
    assert dead_letter(told, queue="signups-dlq", attributes=attributes) == letter
    return DeadLetter.objects.get(pk=letter.pk)


def test_a_text_is_masked_by_more_bodies_than_a_page_reads(sqs: None) -> None:
    letter = arrived("Nobody", "Later.")
    for number, name in enumerate(["Edsger", *(f"Zquill{n}x" for n in range(23))]):
        edit(letter, name, number)
    again = failed_again(letter, "Zquill22x", "No room for Edsger today.")
    assert again.error_text == "No room for ••• today."


def test_a_text_is_hidden_where_bodies_are_too_long_to_read() -> None:
    text = "No room for Edsger today."
    for name in ("Edsger", "Hopper", "Lovelace", "Nobody"):
        told = json.dumps({**json.loads(body("r-1", name)), "x": "y" * 1_000_000})
        attributes = failure(error_type="MailError", error_text=text)
        letter = dead_letter(told, queue="signups-dlq", attributes=attributes)
    assert letter.error_text == "•••"


@pytest.mark.parametrize("end", ["Edsger is here", "+49 170 1234567"])
def test_a_name_that_is_cut_is_masked_too(end: str) -> None:
    letter = arrived(text=f"{'a' * 30} {'b ' * 232}b {end}")
    assert len(letter.error_text) == 500
    edit(letter, "Edsger")
    letter.refresh_from_db()
    assert letter.error_text.endswith(" b b")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("one two", "one"),
        ("one +49 (1)", "one +49 (1)"[:3]),
        ("a@example", "a@"),
        ("one •••", "one •••"),
        ("", ""),
        ("o" * 101, "o" * 101),
    ],
)
def test_the_word_in_which_a_text_was_cut_goes(text: str, left: str) -> None:
    assert whole_words(text, len(text)) == left
    assert whole_words(text, len(text) + 1) == text


def test_a_letter_that_was_repaired_fails_in_the_group_of_its_failure(
    sqs: None,
) -> None:
    """Its former body, which nobody can read, hides more of its text."""
    text = "No plan 'x' for Edsger today."
    other = _refused("r-2", text)
    letter = dead_letter("{broken", queue="signups-dlq")
    edit(letter, "Edsger")
    redrive_now(letter, by="ada")
    again = _refused(letter.request_id, text, **redriven(letter))
    assert again == letter
    assert again.error_text == "No plan ••• for ••• today."
    assert again.group_id == other.group_id


def _refused(request: str, text: str, **attributes: str) -> DeadLetter:
    """A letter that a function of ours refused, of which there is an attempt."""
    Attempt.objects.create(
        request_id=request,
        queue="signups",
        message_id=f"m-{request}",
        receive_count=1,
        permanent=True,
        error_type="MailError",
        error_text=text,
        place="processing/handlers/signups.py:sign_up",
        started_at=datetime.now(UTC),
        duration_ms=3,
    )
    told = body(request, "Edsger")
    return dead_letter(told, queue="signups-dlq", attributes=attributes)


# -- Two at once --------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time"
)
def test_of_two_that_begin_a_letter_at_once_no_group_is_left_that_names_them() -> None:
    for number in range(15):
        both = [
            dead_message(
                body(f"r-{number}", name),
                queue="signups-dlq",
                attributes=failure(error_type=f"{name}{number}", error_text=TEXT),
            )
            for name in ("Zquill", "Edsger")
        ]
        together(*(partial(join, one) for one in both))
    assert named() == set()
