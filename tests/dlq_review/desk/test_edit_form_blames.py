"""Edit as a form: which field is to blame for the last failure."""

import html as markup
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from dlq_review.models import DeadLetter
from tests.builders import dead_letter, failure, order_created, signup_requested
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk.edit_forms import post, sent, wrong_order
from tests.dlq_review.desk_pages import html, page

pytestmark = pytest.mark.django_db


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


def test_what_a_business_rule_said_is_masked_on_the_page(client_of: ClientOf) -> None:
    told = failure(error_field="data.name", error_text="No Grace Zquill here.")
    letter = dead_letter(
        signup_requested(name="Grace Zquill"), queue="signups-dlq", attributes=told
    )
    text = html(client_of("view", "change"), page(letter, "edit"))
    assert "Zquill" not in text
    assert "No ••• ••• here." in text
