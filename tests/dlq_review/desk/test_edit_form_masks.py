"""Edit as a form, without the permission to see personal data."""

import json

import pytest

from dlq_review.letters import revisions
from tests.builders import dead_letter, order_created, signup_requested
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk.edit_forms import WRONG, data, post, sent, wrong_order
from tests.dlq_review.desk_pages import html, page

pytestmark = pytest.mark.django_db


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
            text = post(client, letter, form)
            assert "Zquill" not in text
            assert 'id="id_/data/name"' in text, "the form stays"
        assert "Zquill" not in html(client, f"{page(letter, 'edit')}?as=text")
