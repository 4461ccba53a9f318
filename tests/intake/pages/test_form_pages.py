"""The address of a form, what its buttons keep, and where its receipt leads."""

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from intake.pages.form_token import FormToken
from processing.events.envelope import Event
from processing.models import OutcomeMail
from processing.receipts import Receipt, State, Status
from tests.builders import dead_letter, order_created, order_updated, signup_requested
from tests.intake.public_pages import FORMS, order_form, queued, signup_form


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("prefix", ["", "/shop"])
@pytest.mark.parametrize("token", ["", "forged", "fresh"])
def test_a_form_has_an_address_with_a_token_that_the_back_button_finds_again(
    client: Client, path: str, prefix: str, token: str
) -> None:
    if token == "fresh":
        token = str(FormToken())
    answer = client.get(path, {"form": token} if token else {}, SCRIPT_NAME=prefix)
    if token not in ("", "forged"):
        assert answer.status_code == HTTPStatus.OK
        assert f'name="form_token" value="{token}"' in answer.content.decode()
        return
    assert answer.status_code == HTTPStatus.FOUND
    address = urlsplit(answer.headers["Location"])
    (given,) = parse_qs(address.query)["form"]
    assert address.path == prefix + path
    assert str(FormToken.read(given)) == given


def test_a_further_line_takes_no_number_that_is_in_use_and_keeps_what_was_chosen(
    client: Client,
) -> None:
    form = order_form(client, currency="GBP", **{"items-2-sku": "MUG-1"})
    page = client.post("/orders/new", {**form, "add_line": "yes"}).content.decode()
    assert 'name="items-1-sku" value="MUG-1"' in page
    assert 'name="remove_line" value="2"' in page
    assert '<option value="GBP" selected>' in page


def test_a_new_order_is_in_euros(client: Client) -> None:
    page = client.get("/orders/new", follow=True).content.decode()
    assert '<option value="EUR" selected>' in page


def test_the_total_needs_no_article_number(client: Client) -> None:
    form = order_form(client, **{"items-0-sku": ""})
    page = client.post("/orders/new", {**form, "add_line": "yes"}).content.decode()
    assert "Total <strong>9.00</strong> EUR" in page


@pytest.mark.parametrize("path", FORMS)
def test_a_form_carries_the_id_of_its_request(
    client: Client, sqs: None, path: str
) -> None:
    client.post(path, FORMS[path](client), headers={"X-Request-ID": "req-42"})
    (event,) = queued("orders") + queued("signups")
    assert event.correlation_id == "req-42"


def test_what_was_left_empty_is_no_part_of_a_sign_up(client: Client, sqs: None) -> None:
    client.post("/signups/new", signup_form(client, country=" ", phone=""))
    (event,) = queued("signups")
    assert event.data.model_dump(exclude_none=True) == {
        "email": "ada@example.com",
        "name": "Ada",
    }


@pytest.mark.parametrize(
    ("event", "form"),
    [
        (order_created(), "/orders/new"),
        (order_updated(), "/orders/change"),
        (signup_requested(), "/signups/new"),
    ],
    ids=lambda one: getattr(one, "type", ""),
)
def test_a_request_that_was_not_accepted_leads_to_its_own_form(
    client: Client, monkeypatch: pytest.MonkeyPatch, event: Event, form: str
) -> None:
    refused = Status(State.NOT_ACCEPTED, reason="No.")
    monkeypatch.setattr(Receipt, "status", lambda _: refused)
    page = client.get(f"/receipts/{Receipt.of(event).token}/").content.decode()
    main = page[page.index("<main") : page.index("</main>")]
    assert [one for one in FORMS if f'href="{one}"' in main] == [form]


@pytest.mark.django_db
def test_a_mail_on_the_outcome_is_asked_for_and_the_receipt_shown_again(
    client: Client,
) -> None:
    event = order_created()
    dead_letter(event)
    path = f"/receipts/{Receipt.of(event).token}/"
    answer = client.post(path)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["Location"] == path
    assert OutcomeMail.objects.get().request_id == event.id


def test_a_receipt_that_is_not_ours_is_not_found(client: Client) -> None:
    assert client.get("/receipts/forged/").status_code == HTTPStatus.NOT_FOUND
