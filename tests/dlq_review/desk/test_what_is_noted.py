"""What the trail and the next page keep of what a person typed, and of who it was."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from dlq_review.groups import triage
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup
from processing.delivery import processor
from processing.models import User
from tests.builders import dead_letter, failure, message, order_created
from tests.dlq_review.desk_pages import GROUPS, LIST, html, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent_at_once(settings: Settings) -> None:
    settings.REDRIVE_UNDO_SECONDS = 0


def noted(letter: DeadLetter, verb: str) -> tuple[str, str]:
    """Who did it last, and why."""
    entry = letter.audit.filter(verb=verb)[0]
    return entry.actor, entry.reason


def test_a_redrive_notes_who_sent_it_and_why(
    desk: Client, sqs: None, sent_at_once: None
) -> None:
    letter = dead_letter()
    desk.post(page(letter, "redrive"), {"reason": "the shop is back", "revision": 0})
    assert noted(letter, "claimed") == ("ada", "the shop is back")


def test_a_save_with_a_redrive_notes_its_reason_for_both(
    desk: Client, sqs: None, sent_at_once: None
) -> None:
    letter = dead_letter(event := order_created())
    body = event.body.replace("TEA-1", "TEA-2")
    form = {"body": body, "based_on": 0, "reason": "repaired", "redrive": ""}
    desk.post(page(letter, "edit"), form)
    assert noted(letter, "claimed") == ("ada", "repaired")
    assert letter.revisions.get(number=1).reason == "repaired"


@pytest.mark.parametrize(("verb", "told"), [("discard", " "), ("resolve", "no")])
def test_who_settles_a_letter_is_noted_with_as_much_of_the_reason_as_is_kept(
    desk: Client, verb: str, told: str
) -> None:
    letter = dead_letter()
    desk.post(page(letter, verb), {"reason": "x" * 501, "told": told})
    letter.refresh_from_db()
    assert noted(letter, letter.state) == ("ada", "x" * 500)


@pytest.mark.parametrize(
    ("format", "kind"), [("csv", "text/csv"), ("jsonl", "application/x-ndjson")]
)
@pytest.mark.parametrize(
    ("query", "chosen"), [("", "no filter"), ("queue=orders", "queue=orders")]
)
def test_an_export_is_a_file_of_its_kind_and_says_which_letters_were_asked_for(
    desk: Client, format: str, kind: str, query: str, chosen: str
) -> None:
    for _ in range(2):
        dead_letter()
    answer = desk.post(f"{LIST}export/{format}/?{query}")
    assert answer["Content-Type"] == f"{kind}; charset=utf-8"
    file = f'attachment; filename="dead-letters.{format}"'
    assert answer["Content-Disposition"] == file
    reason = f"Export of 2 as {format}: {chosen}"
    assert AuditEntry.objects.get(verb="revealed").reason == reason


@pytest.mark.parametrize(
    ("order_id", "said"),
    [
        ("ORD-1", "This request was processed already. A redrive only resolves it."),
        ("ORD-2", "This request id was processed with another body. A redrive is"),
    ],
)
def test_a_request_that_was_processed_is_warned_of_until_it_is_settled(
    desk: Client, order_id: str, said: str
) -> None:
    first = order_created(order_id="ORD-1", id="r-1")
    processor.handle(message(first))
    body = first.body.replace("ORD-1", order_id)
    letter = dead_letter(body)
    for state in ("open", "quarantined", "resolved"):
        DeadLetter.objects.update(state=state)
        assert (said in html(desk, page(letter))) is (state != "resolved")


def test_an_edit_before_the_last_failure_does_not_make_another_code(
    desk: Client, settings: Settings
) -> None:
    settings.RELEASE = "r1"
    letter = dead_letter(event := order_created(), attributes=failure(release="r1"))
    body = event.body.replace("TEA-1", "TEA-2")
    desk.post(page(letter, "edit"), {"body": body, "based_on": 0, "reason": "x"})
    edited = letter.revisions.get(number=1).at
    for failed, warned in ((edited.replace(year=2020), False), (edited, True)):
        DeadLetter.objects.update(last_failed_at=failed)
        assert ("Still the same code" in html(desk, page(letter))) is warned
    settings.RELEASE = ""
    DeadLetter.objects.update(release="")
    assert "Still the same code" not in html(desk, page(letter))


# -- Groups ----------------------------------------------------------------------------
@pytest.fixture
def two() -> list[FailureGroup]:
    made = [dead_letter(attributes=failure(error_type=one)) for one in "AB"]
    return [letter.group for letter in made]


def act(client: Client, group: FailureGroup, verb: str, **sent: Any) -> str:
    url = f"{GROUPS}{group.pk}/{verb}/"
    return client.post(url, sent, follow=True).content.decode()


def test_a_note_keeps_its_lines_and_as_much_as_there_is_room_for(
    desk: Client, two: list[FailureGroup]
) -> None:
    act(desk, two[0], "annotate", note="a\r\nb\n" + "x" * 5_000)
    two[0].refresh_from_db()
    assert two[0].note == "a\nb\n" + "x" * 4_996


def test_the_reasons_of_a_merge_and_of_its_end_are_noted(
    desk: Client, two: list[FailureGroup]
) -> None:
    old, into = two
    act(desk, old, "merge", into=into.pk, reason=f"  {'x' * 501} ")
    act(desk, old, "split", reason="not the same")
    told = [(one.actor, one.reason) for one in old.audit.order_by("pk")]
    assert told == [("ada", "x" * 500), ("ada", "not the same")]
    old.refresh_from_db()
    assert old.merged_into is None


@pytest.mark.parametrize(
    "verb", ["acknowledge", "annotate", "give", "give_back", "merge", "resolve"]
)
def test_a_group_that_a_colleague_changed_since_its_page_was_made_is_left_alone(
    desk: Client, two: list[FailureGroup], verb: str
) -> None:
    group, into = two
    seen = triage.newest_entry(group)
    owner = "ada" if verb == "give_back" else ""
    FailureGroup.objects.update(owner=owner, waiting=0)
    triage.annotate(group, "Mine!", by="bob")
    to = User.objects.create(username="eva", is_staff=True, is_superuser=True).pk
    sent = {"note": "late", "reason": "x", "to": to, "into": into.pk, "seen": seen}
    before = FailureGroup.objects.filter(pk=group.pk).values().get()
    assert "was changed by bob in the meantime" in act(desk, group, verb, **sent)
    assert FailureGroup.objects.filter(pk=group.pk).values().get() == before
    # A form without the entry is about what this person did last.
    assert "in the meantime" in act(desk, group, verb, **sent | {"seen": ""})


def test_who_takes_over_is_told_that_the_former_owner_is(
    desk: Client, two: list[FailureGroup]
) -> None:
    mail = "eva@example.com"
    User.objects.create(username=mail, email=mail, is_staff=True, is_superuser=True)
    triage.acknowledge(two[0], by=mail)
    seen = triage.newest_entry(two[0])
    text = act(desk, two[0], "take_over", reason="You left.", seen=seen)
    assert "The word goes to e…@example.com by mail." in text


def test_what_was_ticked_and_typed_stays_where_a_group_is_left_alone(
    desk: Client, two: list[FailureGroup]
) -> None:
    FailureGroup.objects.filter(pk=two[1].pk).update(owner="bob")
    to = User.objects.create(username="eva", is_staff=True, is_superuser=True).pk
    ticks = [f"{one.pk}-0" for one in two]
    sent = {"verb": "give", "chosen": ticks, "to": to, "reason": "x" * 501}
    answer = desk.post(f"{GROUPS}many/", sent)
    assert answer.status_code == 409
    assert answer.context["ticked"] == [str(one.pk) for one in two]
    assert answer.context["typed_to"] == str(to)
    assert answer.context["typed_word"] == "x" * 500
