"""Edit as a form: what is saved, what is only shown again, and what stays hidden."""

import html as markup
import json
import re
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.test import Client

from dlq_review.bodies import json_patch
from dlq_review.letters import current_event, revisions, settlement
from dlq_review.models import DeadLetter
from tests.builders import dead_letter, failure, order_created, signup_requested
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import html, page
from tests.growth import cost

pytestmark = pytest.mark.django_db

WRONG = order_created(order_id="ORD-1").body.replace('"EUR"', '"euros"')


def wrong_order() -> DeadLetter:
    told = failure(error_text="Choose one of AUD.", error_type="InvalidEventError")
    return dead_letter(WRONG, attributes=told)


def sent(**changes: Any) -> dict[str, Any]:
    return {"based_on": 0, "patch": "", "reason": "repaired", **changes}


def data(letter: DeadLetter) -> dict[str, Any]:
    letter.refresh_from_db()
    found: dict[str, Any] = json.loads(current_event.current(letter).body)["data"]
    return found


def carried(text: str) -> str:
    match = re.search(r'name="patch" value="([^"]*)"', text)
    assert match
    return markup.unescape(match[1])


def post(client: Client, letter: DeadLetter, form: dict[str, Any]) -> str:
    answer = client.post(page(letter, "edit"), form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_form_saves_what_was_typed_and_nothing_else(desk: Client) -> None:
    letter = wrong_order()
    before = json.loads(WRONG)["data"]
    text = post(desk, letter, sent(**{"/data/currency": "EUR"}, save=""))
    assert "Saved revision 1" in text
    assert data(letter) == {**before, "currency": "EUR"}


def test_the_page_begins_with_the_last_failure_and_the_first_wrong_field(
    desk: Client,
) -> None:
    text = html(desk, page(wrong_order(), "edit"))
    assert text.index("The last failure") < text.index("To correct")
    assert re.search(
        r'name="/data/currency"[^>]*aria-invalid="true"[^>]* autofocus', text
    )
    assert text.count(" autofocus") == 1
    assert "euros (none of the list)" in text
    line = re.search(
        r'is-wrong"><span class="number">(\d+)</span><span>[^<]*euros', text
    )
    assert line
    assert f"line {line[1]} of the JSON" in text


def refused_order(**told: Any) -> DeadLetter:
    """An order that its contract accepts and a business rule refused."""
    event = order_created(order_id="ORD-1")
    return dead_letter(event, attributes=failure(error_field="data.order_id", **told))


REFUSED = "Another order has the id ORD-1."
MARKED = re.compile(r'id="id_([^"]*)"[^>]*aria-invalid="true"')


def test_the_field_that_a_business_rule_refused_is_marked_and_first(
    desk: Client,
) -> None:
    text = html(desk, page(refused_order(), "edit"))
    assert "To correct" not in text
    assert MARKED.findall(text) == ["/data/order_id"]
    assert re.findall(r'name="([^"]*)"[^>]* autofocus', text) == ["/data/order_id"]
    assert "<code>data.order_id</code></a> <small>line " in text
    line = re.search(r'is-wrong"><span class="number">(\d+)</span>.*?ORD-1', text)
    assert line
    assert f"line {line[1]} of the JSON" in text
    assert f"</svg>{REFUSED}</p>" in text  # below the input
    shown = html(desk, page(refused_order(), "edit") + "?as=text")
    assert re.findall(r'<span class="is-wrong">! (\d+)', shown) == [line[1]]


@pytest.mark.parametrize(
    ("form", "marked"),
    [
        ({"/data/order_id": "ORD-2"}, []),
        ({"/data/customer_id": "C-9"}, ["/data/order_id"]),
        ({"/data/currency": "gold"}, ["/data/order_id", "/data/currency"]),
    ],
)
def test_a_field_that_was_changed_is_blamed_no_more(
    desk: Client, form: dict[str, str], marked: list[str]
) -> None:
    text = post(desk, refused_order(), sent(reason="", **form))
    assert sorted(one for one in MARKED.findall(text) if one != "reason") == (
        sorted(marked)
    )
    assert "Not saved" in text


def test_a_letter_that_was_edited_since_is_blamed_for_what_it_still_has(
    desk: Client,
) -> None:
    letter = refused_order()
    post(desk, letter, sent(**{"/data/customer_id": "C-9"}))
    assert MARKED.findall(html(desk, page(letter, "edit"))) == ["/data/order_id"]
    assert REFUSED in html(desk, page(letter)).partition('class="facts"')[2]
    post(desk, letter, sent(based_on=1, **{"/data/order_id": "ORD-2"}))
    assert MARKED.findall(html(desk, page(letter, "edit"))) == []
    assert REFUSED not in html(desk, page(letter)).partition('class="facts"')[2][:600]


def test_no_field_is_blamed_where_the_body_that_failed_is_unknown(
    desk: Client,
) -> None:
    letter = refused_order()
    later = letter.last_failed_at + timedelta(hours=1)
    letter.revisions.update(by="ada", at=later)
    for leaf in ("change", "edit"):
        answer = desk.get(page(letter, leaf))
        assert answer.status_code == 200
        assert "aria-invalid" not in answer.content.decode()


def test_a_blamed_field_with_personal_data_is_named_and_stays_locked(
    client_of: ClientOf,
) -> None:
    told = failure(error_field="data.email", error_text="No ada@example.com here.")
    letter = dead_letter(signup_requested(), queue="signups-dlq", attributes=told)
    text = html(client_of("view", "change"), page(letter, "edit"))
    assert "<code>data.email</code></a>" in text
    assert "ada@example.com" not in text
    assert 'name="/data/email"' not in text
    assert " autofocus" not in text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (sent(**{"/data/currency": "gold"}), "Choose one of"),
        (sent(**{"/data/currency": "EUR"}, reason=""), "Reason for the change</a>"),
        (sent(**{"/data/items/0/quantity": "two"}), "Write this as a whole number."),
        ({"based_on": 0, "body": "{\n  nonsense", "reason": "x"}, "Not JSON"),
        ({"based_on": 0, "body": "", "reason": "x"}, "This field is required."),
        (sent(patch="nonsense"), "Not saved. Not JSON"),
        (sent(patch='[{"op": "remove", "path": "/data/none"}]'), "There is nothing at"),
    ],
)
def test_a_refused_save_says_so_and_keeps_what_was_typed(
    desk: Client, form: dict[str, Any], told: str
) -> None:
    letter = wrong_order()
    text = post(desk, letter, form)
    assert "Not saved" in text
    assert told in text
    assert letter.revisions.count() == 1
    for name, value in form.items():
        if name.startswith("/") or name == "body":
            assert markup.escape(value) in text


def test_the_wrong_line_of_unreadable_json_is_marked(desk: Client) -> None:
    form = {"based_on": 0, "body": '{\n  "a": 1,\n  b\n}', "reason": "x"}
    text = post(desk, wrong_order(), form)
    assert re.findall(r'<span class="is-wrong">! (\d+)', text) == ["3"]


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


class TestWithoutThePermissionToSeePersonalData:
    def test_public_fields_are_repaired_and_the_others_stay(
        self, client_of: ClientOf
    ) -> None:
        letter = wrong_order()
        client = client_of("view", "change")
        text = html(client, page(letter, "edit"))
        assert "ada@example.com" not in text
        assert 'name="/data/email"' not in text
        text = post(client, letter, sent(**{"/data/currency": "EUR"}))
        assert "Saved revision 1" in text
        assert "ada@example.com" not in text
        assert data(letter)["email"] == "ada@example.com"
        assert not letter.audit.filter(verb="revealed").exists()

    @pytest.mark.parametrize(
        "patch",
        [
            '[{"op": "replace", "path": "/data/email", "value": "eve@example.com"}]',
            '[{"op": "remove", "path": "/data/email"}]',
            '[{"op": "copy", "from": "/data/email", "path": "/data/order_id"}]',
            '[{"op": "test", "path": "/data/email", "value": "ada@example.com"}]',
            '[{"op": "replace", "path": "/type", "value": "order_updated"}]',
        ],
    )
    def test_a_patch_neither_writes_nor_shows_what_is_masked(
        self, client_of: ClientOf, patch: str
    ) -> None:
        letter = wrong_order()
        text = post(client_of("view", "change"), letter, sent(patch=patch))
        assert "Not saved." in text
        assert "ada@example.com" not in text
        assert letter.revisions.count() == 1

    def test_a_stale_form_shows_no_more(self, client_of: ClientOf) -> None:
        event = order_created(
            items=[{"sku": "A", "quantity": 1, "unit_price": "1"}] * 2
        )
        letter = dead_letter(event)
        raw = json.loads(event.body)
        raw["data"]["items"].pop()
        raw["data"].pop("total")
        revisions.edit(letter, json.dumps(raw), based_on=0, by="bob", reason="x")
        form = sent(**{"/data/items/1/sku": "B", "/data/total": ""})
        text = post(client_of("view", "change"), letter, form)
        assert "Your changes do not fit the newer revision." in text
        assert "ada@example.com" not in text
        assert letter.revisions.count() == 2

    @pytest.mark.parametrize("body", ["nonsense ada@example.com", '{"type": "x"}'])
    def test_what_has_no_form_is_not_shown(
        self, client_of: ClientOf, body: str
    ) -> None:
        letter = dead_letter(body)
        client = client_of("view", "change")
        text = html(client, page(letter, "edit"))
        assert "it can be edited as text only" in text
        assert "ada@example.com" not in text
        form = {"body": WRONG, "based_on": 0, "reason": "x"}
        assert client.post(page(letter, "edit"), form).status_code == 403

    def test_the_json_of_a_form_cannot_be_asked_for(self, client_of: ClientOf) -> None:
        letter = dead_letter(signup_requested(name="Grace Zquill"))
        client = client_of("view", "change")
        for form in (sent(**{"as": "text"}), sent(suggest="all"), sent(add="/data")):
            assert "Zquill" not in post(client, letter, form)
        assert "Zquill" not in html(client, f"{page(letter, 'edit')}?as=text")
