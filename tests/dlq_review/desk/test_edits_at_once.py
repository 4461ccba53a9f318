"""Edits that meet another edit, or that are larger or reach further than they may."""

import json
from typing import Any

import pytest
from django.test import Client

from dlq_review.desk import edit_draft
from dlq_review.letters import revisions
from dlq_review.models import AuditEntry, Operation
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk.edit_forms import data, post, sent, wrong_order
from tests.dlq_review.desk_pages import LIST, OPERATIONS, page

pytestmark = pytest.mark.django_db


def test_an_edit_that_is_saved_between_the_look_and_the_save_is_kept(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter, save = wrong_order(), revisions.edit
    body = letter.revisions.get().body

    def late(*args: Any, **how: Any) -> Any:
        monkeypatch.undo()
        bobs = body.replace("euros", "USD")
        save(letter, bobs, based_on=0, by="bob", reason="x")
        return save(*args, **how)

    monkeypatch.setattr(revisions, "edit", late)
    text = post(desk, letter, sent(**{"/data/currency": "EUR"}))
    assert "Revision 1 was saved first, by bob" in text
    assert f"<title>Not saved: {letter} · " in text
    assert "Saved revision" not in text
    assert data(letter)["currency"] == "USD"
    assert 'name="based_on" value="1"' in text


def test_changes_that_do_not_fit_a_newer_revision_are_kept_as_text(
    desk: Client,
) -> None:
    letter = wrong_order()
    raw = json.loads(letter.revisions.get().body)
    raw["data"]["currency"] = "EUR"
    raw["data"]["items"][0]["sku"] = "CUP-9"
    revisions.edit(letter, json.dumps(raw), based_on=0, by="bob", reason="x")
    steps = [{"op": "test", "path": "/data/currency", "value": "euros"}]
    steps += [{"op": "replace", "path": "/data/currency", "value": "CHF"}]
    text = post(desk, letter, sent(patch=json.dumps(steps)))
    assert "Revision 1 was saved first, by bob" in text
    assert '<textarea name="body"' in text
    assert "CHF" in text
    assert "CUP-9" not in text.partition('<textarea name="body"')[2].partition("</")[0]


@pytest.mark.parametrize("more", [0, 1])
def test_a_page_carries_changes_up_to_their_longest(
    desk: Client, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    patch = json.dumps([{"op": "replace", "path": "/data/currency", "value": "EUR"}])
    monkeypatch.setattr(edit_draft, "_LONGEST_PATCH", len(patch) - more)
    letter = wrong_order()
    text = post(desk, letter, sent(patch=patch))
    assert ("This edit cannot be read. Open the page again." in text) is bool(more)
    assert ("Saved revision 1" in text) is not bool(more)


def test_an_edit_of_many_asks_about_no_personal_data_without_the_permission(
    client_of: ClientOf,
) -> None:
    for _ in range(2):
        body = order_created().body.replace('"EUR"', '"euros"')
        group = dead_letter(body, attributes=failure()).group_id
    form = {"group": group, "path": "/data/currency", "was": '"euros"', "new": "EUR"}
    form |= {"reason": "x", "field": "data.items[*].sku=TEA-1"}
    eve = client_of("view", "change", "bulk_redrive", name="eve")
    answer = eve.post(f"{OPERATIONS}edit/", form | {"field": "data.email~example"})
    assert answer.status_code == 200
    assert not Operation.objects.exists()
    assert not AuditEntry.objects.filter(verb="revealed").exists()
    assert eve.post(f"{OPERATIONS}edit/", form).status_code == 302
    made = Operation.objects.get()
    assert (made.kind, made.masked, made.total, made.canary) == ("fix", True, 2, 5)


@pytest.mark.parametrize("query", ["pk=x", "pk__in=x"])
def test_what_a_list_that_is_none_has_in_common_is_asked_of_the_list(
    desk: Client, query: str
) -> None:
    answer = desk.get(f"{LIST}common/?{query}")
    assert (answer.status_code, answer["Location"]) == (302, LIST)


def test_only_a_letter_that_is_no_event_begins_with_an_example(desk: Client) -> None:
    """An example takes the place of a body that is no event, and of no other."""
    for body, offered in (("no event", True), (None, False)):
        url = f"{page(dead_letter(body), 'edit')}?example=signup_requested"
        text = desk.get(url).content.decode()
        assert ("signup_requested&quot;" in text) is offered


def test_a_saved_edit_leads_back_to_the_place_of_the_letter_in_its_list(
    desk: Client,
) -> None:
    letter = wrong_order()
    there = "?list=error%3DAError"
    url = f"{page(letter, 'edit')}{there}"
    assert f'action="{url}"' in desk.get(url).content.decode()
    answer = desk.post(url, sent(**{"/data/currency": "EUR"}))
    assert answer["Location"] == f"{page(letter)}{there}"


def test_a_part_that_was_added_and_left_empty_is_not_saved(desk: Client) -> None:
    letter = wrong_order()
    patch = json.dumps([{"op": "add", "path": "/data/items/-", "value": {}}])
    text = post(desk, letter, sent(patch=patch, **{"/data/currency": "EUR"}))
    assert "Saved revision 1" in text
    assert [one["sku"] for one in data(letter)["items"]] == ["TEA-1"]


def test_as_much_of_a_reason_as_is_kept_stays_on_the_page(desk: Client) -> None:
    form = sent(add="/data/items", reason="x" * 501)
    text = post(desk, wrong_order(), form)
    assert f'"{"x" * 500}"' in text
