"""What filters and links leave out: known groups, settled letters, other persons and windows."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dlq_review.desk import group_views
from dlq_review.groups.last_look import look
from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup, Operation
from processing.models import User
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    order_created,
    signup_requested,
)
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, LIST, OPERATIONS, html, page
from tests.dlq_review.operation_runs import started
from tests.dlq_review.wrong_letters import EDIT, wrong

pytestmark = pytest.mark.django_db


def listed(client: Client, query: str) -> list[int]:
    groups = client.get(f"{GROUPS}?{query}").context["groups"]
    return [one["group"].pk for one in groups]


def test_a_known_group_that_fails_again_is_not_new(desk: Client) -> None:
    now = timezone.now()
    dead_letter(attributes=failure(failed_at=(now - timedelta(days=1)).isoformat()))
    look(User.objects.get(username="ada"), timezone.now())
    dead_letter(attributes=failure(failed_at=timezone.now().isoformat()))
    answer = desk.get(f"{GROUPS}?new=1")
    assert (answer.context["groups"], answer.context["new"]) == ([], "0")


def test_a_group_of_which_only_a_settled_letter_was_edited_is_not_edited(
    desk: Client,
) -> None:
    letter = dead_letter(attributes=failure())
    dead_letter(attributes=failure())
    DeadLetter.objects.filter(pk=letter.pk).update(revision=1)
    assert listed(desk, "edited=yes") == [letter.group_id]
    letter.refresh_from_db()
    settlement.resolve(letter, by="ada", reason="x")
    assert listed(desk, "edited=yes") == []


def test_a_name_in_other_letters_is_another_person(desk: Client) -> None:
    group = dead_letter(attributes=failure()).group_id
    for owner, mine in (("Ada", []), ("ada", [group])):
        FailureGroup.objects.update(owner=owner, state="acknowledged")
        assert listed(desk, "owner=mine") == mine


@pytest.mark.parametrize(("most", "told"), [(1, "1+"), (2, "2+"), (3, "2")])
def test_what_a_group_can_restore_is_counted_no_further_than_its_most(
    desk: Client, monkeypatch: pytest.MonkeyPatch, most: int, told: str
) -> None:
    monkeypatch.setattr(group_views, "MOST_COUNTED", most)
    for _ in range(2):
        letter = dead_letter(attributes=failure())
        settlement.discard(letter, by="ada", reason="x")
    page = f"{GROUPS}{letter.group_id}/change/"
    assert desk.get(page).context["discarded"] == told


@pytest.mark.parametrize("window", ["1h", "14d"])
def test_the_overview_shows_the_window_that_a_link_asks_for(
    desk: Client, window: str
) -> None:
    windows = desk.get(f"/admin/?over={window}").context["flow"]["windows"]
    assert [name for name, _, is_chosen in windows if is_chosen] == [window]


def test_who_may_not_see_letters_has_no_figures_on_the_first_page(
    client_of: ClientOf,
) -> None:
    shown = client_of("change").get("/admin/").context
    assert "flow" not in shown
    assert "waiting" not in shown


@pytest.mark.parametrize(
    ("field", "value"), [("field", "data.currency=EUR"), ("q", "TEA-1")]
)
def test_what_a_link_asks_of_bodies_stands_in_the_form(
    desk: Client, field: str, value: str
) -> None:
    form = desk.get(f"{OPERATIONS}new/", {field: value}).context["form"]
    assert form[field].value() == value


def test_the_operation_after_which_one_begins_is_named(desk: Client) -> None:
    first, second = started(1), started(1)
    sent = {"after": first.pk, "discarded_by": second.pk}
    shown = desk.get(f"{OPERATIONS}new/", sent).context
    assert (shown["after"], shown["discarded_by"]) == (first, second)


def test_the_form_of_wrong_values_changes_the_place_that_it_shows(
    desk: Client,
) -> None:
    letter = wrong(customer_id=None)
    places = [one.pointer for one, _ in desk.get(EDIT).context["places"]]
    assert set(places) == {"/data/currency", "/data/customer_id"}
    values = {"/data/currency": ('"euros"', "EUR"), "/data/customer_id": ("null", "7")}
    for number, path in enumerate(places):
        was, new = values[path]
        form = {"ids": letter.pk, "path": path, "was": was, "new": new, "reason": "x"}
        assert desk.post(EDIT, form).status_code == 302
        made = Operation.objects.latest("pk")
        assert [step["path"] for step in made.patch[0]] == [path, path], number


def test_a_value_that_is_too_long_is_shown_as_far_as_it_is_kept(desk: Client) -> None:
    wrong()
    form = {"path": "/data/currency", "was": '"euros"', "new": "x" * 1_001}
    shown = desk.post(EDIT, form | {"reason": ""}).context
    assert [one["typed"] for one in shown["values"]] == ["x" * 1_000]
    long = form | {"new": "", "reason": "x" * 501, "remove": '"yen"'}
    assert desk.post(EDIT, long).context["reason"] == "x" * 500


def test_a_name_that_only_a_revision_that_is_left_out_holds_is_masked(
    desk: Client,
) -> None:
    body = signup_requested(name="Ada Lovelace").body
    letter = dead_letter(body)
    for number in range(1, 23):
        held = body if number > 1 else body.replace("Lovelace", "Zquill")
        letter.revisions.create(number=number, body=held, by="ada")
    DeadLetter.objects.update(revision=22, error_text="Zquill rang.")
    text = html(desk, page(letter))
    assert "2 older revisions not shown" in text
    assert "Zquill" not in text


def test_more_reports_than_attempts_are_no_attempts_without_one(desk: Client) -> None:
    event = order_created()
    for number in (1, 2):
        failed_attempt(event, receive_count=number)
    letter = dead_letter(event, receive_count=1)
    DeadLetter.objects.update(attempts=1)
    assert "ended without a report" not in html(desk, page(letter))


@pytest.mark.parametrize(
    ("owner", "asked"), [("", False), ("ada", False), ("bob", True)]
)
def test_a_group_that_nobody_else_has_is_not_taken_from_anybody(
    desk: Client, owner: str, asked: bool
) -> None:
    group = dead_letter(attributes=failure()).group_id
    FailureGroup.objects.update(owner=owner)
    text = html(desk, f"{GROUPS}{group}/take_over/")
    assert ("Take over from" in text) is asked
    assert ('id="why-grouped"' in text) is not asked


def test_a_person_has_a_group_since_it_was_taken_over(desk: Client) -> None:
    group = dead_letter(attributes=failure()).group
    for verb, name in (("given", "eva"), ("taken_over", "bob"), ("noted", "")):
        AuditEntry.note(group, AuditEntry.Verb(verb), by="bob", after=name)
    FailureGroup.objects.update(owner="bob")
    since = desk.get(f"{GROUPS}{group.pk}/take_over/").context["since"]
    assert (since.verb, since.after) == ("taken_over", "bob")


@pytest.mark.parametrize(("letters", "told"), [(1, "1"), (2, "2+"), (3, "2+")])
def test_what_letters_have_in_common_is_said_of_as_many_as_are_counted(
    desk: Client, monkeypatch: pytest.MonkeyPatch, letters: int, told: str
) -> None:
    for module in ("dlq_review.desk.facet_views", "processing.staff.capped_paginator"):
        monkeypatch.setattr(f"{module}.MOST_COUNTED", 2)
    for _ in range(letters):
        dead_letter()
    shown = desk.get(f"{LIST}common/?state=waiting").context
    assert shown["common_of"] == told


@pytest.mark.parametrize(
    ("query", "choosable"),
    [
        ("queue=orders&since=7d", True),
        ("state=waiting&edited=", True),
        ("edited=no", False),
        ("owner=nobody&queue=orders", False),
    ],
)
def test_an_operation_is_offered_for_a_list_that_it_can_choose_alone(
    desk: Client, query: str, choosable: bool
) -> None:
    now = timezone.now().isoformat()
    dead_letter(attributes=failure(failed_at=now))
    answer = desk.get(f"{LIST}?{query}")
    assert len(answer.context["cl"].result_list) == 1
    assert ("All that match" in answer.content.decode()) is choosable
