"""An error text is masked by all bodies of its letter, in each place that shows it.

A text may name a person that another body of the same letter tells: an earlier revision, one
that staff wrote since, or one that arrived and changed nothing.
"""

import json
from collections.abc import Callable
from importlib import import_module

import pytest
from django.apps import apps

from dlq_review.letters import revisions, settlement
from dlq_review.letters.revisions import Edit
from dlq_review.models import DeadLetter, FailureGroup
from processing.delivery import processor
from processing.events.contracts import SignupRequested
from processing.events.envelope import Event
from tests.builders import dead_letter, failure, message, redrive_now, redriven
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk.test_masked_texts import DESK, operation_with
from tests.dlq_review.desk.test_who_sees_what import text_of

pytestmark = pytest.mark.django_db
migration = import_module("dlq_review.migrations.0036_texts_of_other_bodies")

TEXT = "No room for Zquill nor Edsger today."
MASKED = "No room for ••• nor ••• today."
FORMER = "No room for ••• nor Edsger today."  # as the body alone tells that failed


def body(id: str, name: str) -> str:
    data = SignupRequested(email=f"{name.lower()}@example.com", name=name)
    return Event.new(data, id=id).body


def arrived(name: str = "Zquill", text: str = TEXT, **more: str) -> DeadLetter:
    told = failure(error_type="MailError", error_text=text)
    return dead_letter(
        body("r-1", name), queue="signups-dlq", attributes={**told, **more}
    )


def edit(letter: DeadLetter, name: str, number: int = 0) -> None:
    text = body(letter.request_id, name)
    revisions.edit(letter, text, based_on=number, by="ada", reason="x")


def edited_since() -> DeadLetter:
    letter = arrived()
    edit(letter, "Edsger")
    return letter


def edited_with_others() -> DeadLetter:
    letters = [arrived(), dead_letter(body("r-2", "Nobody"), queue="signups-dlq")]
    names = ("Edsger", "Somebody")
    edits = [
        Edit(letter, body(letter.request_id, name), 0)
        for letter, name in zip(letters, names, strict=True)
    ]
    revisions.edit_all(edits, by="ada", reason="x")
    return letters[0]


def failed_again() -> DeadLetter:
    letter = arrived(text="Later.")
    edit(letter, "Edsger")
    redrive_now(letter, by="ada")
    return arrived("Edsger", **redriven(letter))


def another_arrived() -> DeadLetter:
    arrived(text="Later.")
    return arrived("Edsger")


def another_arrived_after_it_was_discarded() -> DeadLetter:
    settlement.discard(arrived(), by="ada", reason="x")
    return arrived("Edsger", "Later.")


WAYS = [
    edited_since,
    edited_with_others,
    failed_again,
    another_arrived,
    another_arrived_after_it_was_discarded,
]
#: Each place that shows the text of a letter; what it adds to the address of the desk.
PLACES: dict[str, Callable[[DeadLetter], str]] = {
    "letter list": lambda one: "deadletter/?state=all",
    "letters found": lambda one: "deadletter/?state=all&q=room+for",
    "letter": lambda one: f"deadletter/{one.pk}/change/",
    "edit": lambda one: f"deadletter/{one.pk}/edit/",
    "operation": lambda one: f"operation/{operation_with(one)}/change/",
    "group": lambda one: f"failuregroup/{one.group_id}/change/",
    "csv": lambda one: "deadletter/export/csv/?state=all",
    "jsonl": lambda one: "deadletter/export/jsonl/?state=all",
}
#: They show a text only of a letter that waits.
OF_WAITING = ("operation", "group")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_no_place_shows_whom_another_body_of_the_letter_names(
    sqs: None, client_of: ClientOf, way: Callable[[], DeadLetter], place: str
) -> None:
    letter = way()
    letter.refresh_from_db()
    waits = letter.state in DeadLetter.WAITING
    if place in OF_WAITING and not waits:
        return
    client = client_of("view", "change", "export", "bulk_redrive")
    url = f"{DESK}/{PLACES[place](letter)}"
    answer = client.post(url) if "/export/" in url else client.get(url)
    assert answer.status_code == 200
    text = text_of(answer)
    assert MASKED in text
    assert "Zquill" not in text
    assert "Edsger" not in text


@pytest.mark.parametrize("way", WAYS)
def test_no_group_names_them_either(sqs: None, way: Callable[[], DeadLetter]) -> None:
    way()
    for group in FailureGroup.objects.all():
        assert "Zquill" not in f"{group.template} {group.sentence}"
        assert "Edsger" not in f"{group.template} {group.sentence}"


def test_an_edit_leaves_the_texts_of_other_groups_alone() -> None:
    letter = arrived()
    other = dead_letter(
        body("r-2", "Zquill"),
        queue="signups-dlq",
        attributes=failure(error_type="Another", error_text="Edsger was first."),
    )
    edit(letter, "Edsger")
    group, kept = (FailureGroup.objects.get(pk=one.group_id) for one in (letter, other))
    assert group.template == MASKED
    assert "Edsger" in kept.template


def test_of_two_edits_of_one_letter_the_one_that_is_saved_counts() -> None:
    letter = arrived()
    texts = [body(letter.request_id, name) for name in ("Edsger", "Nobody")]
    edits = [Edit(letter, text, 0) for text in texts]
    revisions.edit_all(edits, by="ada", reason="x")
    assert letter.error_text == MASKED
    letter.refresh_from_db()
    assert letter.error_text == MASKED


def test_a_text_that_changed_meanwhile_is_the_one_that_is_masked() -> None:
    letter = arrived()
    as_before(letter, "Edsger was first.")
    edit(letter, "Edsger")
    letter.refresh_from_db()
    assert letter.error_text == "••• was first."


def test_a_copy_of_what_was_processed_counts_too(sqs: None) -> None:
    letter = arrived()
    processor.handle(message(body("r-1", "Edsger"), queue="signups"))
    dead_letter(body("r-1", "Edsger"), queue="signups-dlq")
    letter.refresh_from_db()
    assert (letter.state, letter.error_text) == ("resolved", MASKED)


@pytest.mark.parametrize("way", [failed_again, another_arrived])
def test_a_group_that_begins_with_such_a_failure_names_nobody(
    sqs: None, way: Callable[[], DeadLetter]
) -> None:
    letter = way()
    group = letter.group
    assert group.template == MASKED
    assert "Edsger" not in group.sentence
    assert "Zquill" not in group.sentence


@pytest.mark.parametrize("way", WAYS)
def test_no_search_tells_whom_such_a_text_names(
    sqs: None, client_of: ClientOf, way: Callable[[], DeadLetter]
) -> None:
    way()
    client = client_of("view", name="eve")
    for name in ("Zquill", "Edsger"):
        shown = text_of(client.get(f"{DESK}/deadletter/?state=all&q={name}"))
        assert "No room" not in shown


def test_an_edit_that_tells_nothing_new_leaves_the_text_as_it_is() -> None:
    letter = arrived()
    edit(letter, "Zquill")
    letter.refresh_from_db()
    assert letter.error_text == FORMER


def test_a_former_body_that_nobody_can_read_hides_what_is_in_quotes(
    sqs: None,
) -> None:
    """And not the whole text, which whoever repaired the body has to read."""
    letter = dead_letter("Dear Zquill,", queue="signups-dlq")
    edit(letter, "Edsger")
    redrive_now(letter, by="ada")
    told = failure(error_type="MailError", error_text="Edsger is 'Zquill' by mail.")
    text = body(letter.request_id, "Edsger")
    attributes = {**told, **redriven(letter)}
    again = dead_letter(text, queue="signups-dlq", attributes=attributes)
    assert again == letter
    assert again.error_text == "••• is ••• by mail."


# -- The migration ------------------------------------------------------------------
def as_before(letter: DeadLetter, text: str = FORMER) -> None:
    DeadLetter.objects.filter(pk=letter.pk).update(error_text=text)


@pytest.mark.parametrize("way", WAYS)
def test_what_earlier_releases_stored_is_masked(
    sqs: None, way: Callable[[], DeadLetter]
) -> None:
    letter = way()
    as_before(letter)
    migration.mask_stored(apps, None)
    letter.refresh_from_db()
    assert letter.error_text == MASKED


def test_the_migration_leaves_a_letter_of_one_body_alone() -> None:
    letter = arrived()
    as_before(letter, TEXT)
    migration.mask_stored(apps, None)
    letter.refresh_from_db()
    assert letter.error_text == TEXT


def test_many_letters_are_masked_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "STEP", 2)
    for number in range(5):
        name = f"r-{number}"
        told = failure(error_type="MailError", error_text=TEXT)
        letter = dead_letter(body(name, "Zquill"), queue="signups-dlq", attributes=told)
        edit(letter, "Edsger")
        as_before(letter)
        dead_letter(json.dumps({"id": f"other-{number}"}))
    migration.mask_stored(apps, None)
    found = DeadLetter.objects.filter(revision=1)
    assert set(found.values_list("error_text", flat=True)) == {MASKED}
