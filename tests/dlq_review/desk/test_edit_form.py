"""Edit as a form: what is saved, and what is only shown again."""

import html as markup
import json
import re
from typing import Any
from unittest.mock import Mock

import pytest
from django.test import Client

from dlq_review.bodies import formatting, json_patch
from dlq_review.letters import revisions, settlement
from tests.builders import dead_letter, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk.edit_forms import WRONG, data, post, sent, wrong_order
from tests.dlq_review.desk_pages import html, page
from tests.growth import cost

pytestmark = pytest.mark.django_db


def carried(text: str) -> str:
    match = re.search(r'name="patch" value="([^"]*)"', text)
    assert match
    return markup.unescape(match[1])


def test_the_form_saves_what_was_typed_and_nothing_else(desk: Client) -> None:
    letter = wrong_order()
    before = json.loads(WRONG)["data"]
    text = post(desk, letter, sent(**{"/data/currency": "EUR"}, save=""))
    assert "Saved revision 1" in text
    assert data(letter) == {**before, "currency": "EUR"}


STEPS: dict[str, tuple[dict[str, Any], str]] = {
    "a member is added": ({"add": "/data/items"}, 'name="/data/items/1/sku"'),
    "a suggestion is filled in": ({"suggest": "all"}, "<option selected>EUR</option>"),
    "it is shown as text": ({"as": "text"}, "Edit as a form instead"),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_saves_nothing_and_keeps_what_was_typed(desk: Client, name: str) -> None:
    letter = wrong_order()
    step, shown = STEPS[name]
    text = post(desk, letter, sent(**{"/data/customer_id": "C-99"}, **step))
    assert shown in text
    assert "C-99" in text
    assert 'value="repaired"' in text
    assert letter.revisions.count() == 1


@pytest.mark.parametrize("name", STEPS)
def test_a_step_does_not_hide_what_a_colleague_saved_meanwhile(
    desk: Client, name: str
) -> None:
    letter = wrong_order()
    repaired = WRONG.replace("euros", "EUR")
    revisions.edit(letter, repaired, based_on=0, by="bob", reason="x")
    text = post(desk, letter, sent(**STEPS[name][0]))
    shown = re.search(r'name="based_on" value="(\d+)"', text)
    assert shown
    assert shown[1] == "0"
    text = post(desk, letter, sent(based_on=shown[1], save="", reason="y"))
    assert letter.revisions.count() == 2
    assert "bob" in text


def test_what_was_filled_in_is_saved_with_the_patch_of_the_page(desk: Client) -> None:
    letter = wrong_order()
    text = post(desk, letter, sent(reason="", suggest="all"))
    assert 'value="Suggested repair near_choice"' in text
    post(desk, letter, sent(patch=carried(text), **{"/data/currency": "EUR"}))
    assert data(letter)["currency"] == "EUR"
    added = post(desk, letter, sent(based_on=1, add="/data/items"))
    post(desk, letter, sent(based_on=1, patch=carried(added), save=""))
    assert len(data(letter)["items"]) == 1  # the new one was left empty


def test_all_suggestions_for_a_text_read_it_once(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = json.loads(WRONG)
    fields["data"] |= {f"unknown_{number}": 1 for number in range(9)}
    text = json.dumps(fields)
    letter = dead_letter(text)
    made = Mock(wraps=json_patch.apply)
    monkeypatch.setattr(json_patch, "apply", made)
    shown = post(desk, letter, {"body": text, "based_on": 0, "suggest": "all"})
    assert "unknown_8" not in re.findall(r"(?s)<textarea.*?</textarea>", shown)[0]
    assert made.call_count == 1


def test_the_text_becomes_the_form_and_back(desk: Client) -> None:
    letter = wrong_order()
    body = WRONG.replace("euros", "CHF").replace('"quantity":2', '"quantity":2.0')
    as_form = post(desk, letter, {"based_on": 0, "body": body, "as": "form"})
    assert "<option selected>CHF</option>" in as_form
    as_text = post(desk, letter, sent(patch=carried(as_form), **{"as": "text"}))
    assert "&quot;quantity&quot;: 2.0" in as_text
    still = post(desk, letter, {"based_on": 0, "body": "nonsense", "as": "form"})
    assert "That is not possible." in still
    assert "nonsense" in still


@pytest.mark.parametrize(
    "body", ["nonsense", '{"type": "unheard", "data": {}}', '{"type": "order_created"}']
)
def test_what_has_no_form_is_edited_as_text(desk: Client, body: str) -> None:
    text = html(desk, page(dead_letter(body), "edit"))
    assert '<textarea name="body"' in text


def test_two_who_change_different_fields_overwrite_nothing(
    desk: Client, client_of: ClientOf
) -> None:
    letter = wrong_order()
    bob = client_of("view", "change", "view_personal", name="bob")
    post(bob, letter, sent(**{"/data/currency": "EUR", "/data/customer_id": "C-2"}))
    form = sent(**{"/data/currency": "euros", "/data/email": "bo@example.com"})
    text = post(desk, letter, form)
    assert "Revision 1 was saved first, by bob" in text
    assert 'name="based_on" value="1"' in text
    assert 'value="C-2"' in text
    assert letter.revisions.count() == 2
    post(desk, letter, sent(based_on=1, patch=carried(text)))
    found = data(letter)
    assert (found["currency"], found["customer_id"]) == ("EUR", "C-2")
    assert found["email"] == "bo@example.com"


def test_changes_of_a_letter_that_was_settled_meanwhile_are_still_shown(
    desk: Client,
) -> None:
    letter = wrong_order()
    settlement.discard(letter, by="bob", reason="x")
    text = post(desk, letter, sent(**{"/data/customer_id": "C-99"}))
    assert "only open or quarantined letters can be edited" in text
    assert "C-99" in text
    assert letter.revisions.count() == 1


def test_a_body_too_long_to_edit_costs_less_than_one_that_is_edited(
    desk: Client,
) -> None:
    pages = {}
    for size in (60_000, 600_000):
        more = {"more": ["x" * 20] * (size // 24)}
        body = json.dumps(json.loads(order_created().body) | more)
        pages[size] = page(dead_letter(body), "edit")
    assert "longer than the 64 KiB" in html(desk, pages[600_000])
    assert 'name="/data/currency"' in html(desk, pages[60_000])
    edited, refused = (
        min(cost(lambda size: html(desk, pages[size]), size) for _ in range(3))
        for size in pages
    )
    assert refused < edited


def test_a_body_that_indented_would_be_too_long_is_edited_as_it_came(
    desk: Client,
) -> None:
    deep = "[" * 20 + ",".join("7" * 2_000) + "]" * 20
    body = f'{{"type":"order_created","data":{deep}}}'
    assert formatting.shown(body)[1]
    text = html(desk, page(dead_letter(body), "edit") + "?as=text")
    (typed,) = re.findall(r"<textarea[^>]*>\s*([^<]*)</textarea>", text)
    assert markup.unescape(typed) == body
