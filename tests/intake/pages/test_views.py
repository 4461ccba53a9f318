import re
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.views import View
from pytest_django import DjangoAssertNumQueries

from intake import urls
from intake.pages.order_lines import one_less, typed_lines
from intake.pages.views import FormView
from processing.delivery import processor, spool
from processing.events.contracts import OrderCreated, OrderUpdated, SignupRequested
from processing.models import SpooledEvent, User
from tests.intake.public_pages import (
    FORMS,
    hidden_fields,
    order_form,
    queued,
    signup_form,
)
from tests.outages import away


@pytest.mark.parametrize("path", ["/", "/orders/new", "/signups/new"])
def test_each_link_of_a_public_page_leads_to_a_page(
    client: Client, sqs: None, path: str
) -> None:
    links = re.findall(r'<a [^>]*href="(/[^"]*)"', client.get(path).content.decode())
    for link in sorted({*links}):
        answer = client.get(link, follow=True)
        assert (link, answer.status_code) == (link, HTTPStatus.OK)
        assert answer.headers["Content-Type"].startswith("text/html"), link


@pytest.mark.parametrize("path", ["/", "/orders/new", "/signups/new"])
def test_the_public_pages_need_no_database_and_are_kept_by_no_proxy(
    client: Client, path: str
) -> None:
    answer = client.get(path, follow=True)
    assert answer.status_code == HTTPStatus.OK
    kept = set(answer.headers.get("Cache-Control", "").split(", "))
    assert path == "/" or {"private", "no-cache"} <= kept


@pytest.mark.django_db
def test_an_order_is_queued_without_a_query_and_leads_to_its_receipt(
    client: Client, sqs: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    form = order_form(client)
    with django_assert_num_queries(0):
        answer = client.post("/orders/new", form)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    (event,) = queued("orders")
    assert isinstance(event.data, OrderCreated)
    assert str(event.data.total) == "9.00"
    receipt = client.get(answer.headers["Location"])
    assert event.id in receipt.content.decode()
    assert "sessionid" not in client.cookies


def test_a_double_click_is_one_request_with_one_receipt(
    client: Client, sqs: None
) -> None:
    form = order_form(client)
    receipts = {client.post("/orders/new", form).headers["Location"] for _ in "12"}
    first, second = queued("orders")
    assert len(receipts) == 1
    assert (first.id, first.fingerprint) == (second.id, second.fingerprint)


def test_going_back_and_changing_something_is_another_request(
    client: Client, sqs: None
) -> None:
    form = order_form(client)
    changed = {**form, "items-0-quantity": "3"}
    receipts = {
        client.post("/orders/new", sent).headers["Location"] for sent in (form, changed)
    }
    assert len(receipts) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"customer_id": ""}, "This field is required."),
        ({"email": "ada"}, "Write one address, such as name@example.com."),
        ({"items-0-quantity": "two"}, "Write this as a whole number."),
        ({"items-0-quantity": "0"}, "Write 1 or more."),
        ({"items-0-unit_price": "1,250"}, "Write an amount such as 12.50"),
        ({"items-0-unit_price": "4.505"}, "with at most two decimals"),
        ({"items-0-unit_price": "1000000000"}, "below 1,000,000,000"),
        ({"items-0-quantity": "9999999999"}, "Write 10000 or less."),
        ({"items-0-unit_price": ""}, "This field is required."),
        ({"order_id": "no spaces"}, "Use 1 to 64 letters"),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_typed_is_lost(
    client: Client, no_sqs: None, change: dict[str, str], sentence: str
) -> None:
    form = order_form(client, **change)
    answer = client.post("/orders/new", form)
    page = answer.content.decode()
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    (name,) = change
    assert f'id="id_{name}_error"' in page
    assert sentence in page
    for value in filter(None, form.values()):
        assert f'value="{value}"' in page


def test_spaces_that_a_keyboard_leaves_are_no_part_of_what_was_typed(
    client: Client, sqs: None
) -> None:
    form = order_form(client)
    typed = {
        "customer_id": " C-17 ",
        "email": "ada@example.com ",
        "order_id": "\u00a0ORD-9 ",
        "items-0-sku": " TEA-1\t",
        "items-0-quantity": " 2 ",
        "items-0-unit_price": " 12.50 ",
    }
    answer = client.post("/orders/new", {**form, **typed})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    tidy = {name: value.strip() for name, value in typed.items()}
    again = client.post("/orders/new", {**form, **tidy})
    assert again.headers["Location"] == answer.headers["Location"]
    event, _ = queued("orders")
    assert isinstance(event.data, OrderCreated)
    assert (event.data.customer_id, event.data.order_id) == ("C-17", "ORD-9")
    assert [(one.sku, str(one.amount)) for one in event.data.items] == [
        ("TEA-1", "25.00")
    ]


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("12,50", "12.50"), (" 12,5 ", "12.50"), ("0,01", "0.01"), ("12.5", "12.50")],
)
def test_a_decimal_comma_is_read_as_one(
    client: Client, sqs: None, typed: str, amount: str
) -> None:
    form = order_form(client, **{"items-0-quantity": "1", "items-0-unit_price": typed})
    page = client.post("/orders/new", {**form, "add_line": "yes"}).content.decode()
    assert f"Total <strong>{amount}</strong>" in page
    assert client.post("/orders/new", form).status_code == HTTPStatus.SEE_OTHER
    (event,) = queued("orders")
    assert isinstance(event.data, OrderCreated)
    assert str(event.data.total) == amount


@pytest.mark.parametrize(
    "typed", ["1,250", "1,250.00", "1.250,00", "12,505", ",50", "12,", "1,2,3", "€ 5"]
)
def test_a_price_that_can_be_read_in_two_ways_is_asked_for_again(
    client: Client, no_sqs: None, typed: str
) -> None:
    page = _refused(client, order_form(client, **{"items-0-unit_price": typed}))
    assert "Write an amount such as 12.50" in page


def test_what_is_wrong_is_listed_at_the_top_with_its_line(
    client: Client, no_sqs: None
) -> None:
    form = order_form(client, email="ada", **{"items-1-sku": " "})
    for number in range(2, 60):
        form |= {
            f"items-{number}-sku": f"SKU-{number}",
            f"items-{number}-quantity": "two" if number == 57 else "2",
            f"items-{number}-unit_price": "1.00",
        }
    page = _refused(client, form)
    top = page[page.index('id="problem"') : page.index('id="who"')]
    assert '<a href="#id_email">Email address</a>: Write one address' in top
    assert (
        '<a href="#id_items-57-quantity">Line 58, quantity</a>: '
        "Write this as a whole number." in top
    )
    assert top.count("<li><a") == 2
    assert 'id="id_items-57-quantity"' in page


def test_of_many_wrong_fields_the_first_ten_are_listed_and_the_others_counted(
    client: Client, no_sqs: None
) -> None:
    form = order_form(client)
    form |= {f"items-{number}-sku": f"SKU-{number}" for number in range(1, 9)}
    page = _refused(client, form)
    top = page[page.index('id="problem"') : page.index('id="who"')]
    assert top.count("<li><a") == 10
    assert "and 6 more, marked below." in top


def test_lines_left_empty_are_not_ordered(client: Client, sqs: None) -> None:
    form = order_form(client, **{"items-1-sku": " ", "items-2-sku": "MUG-1"})
    page = client.post("/orders/new", form).content.decode()
    assert 'id="id_items-2-quantity_error"' in page
    assert 'id="id_items-1-quantity_error"' not in page
    form |= {"items-2-quantity": "1", "items-2-unit_price": "8.00"}
    client.post("/orders/new", form)
    (event,) = queued("orders")
    assert isinstance(event.data, OrderCreated)
    assert [item.sku for item in event.data.items] == ["TEA-1", "MUG-1"]


def test_an_order_without_any_line_asks_for_the_first(
    client: Client, no_sqs: None
) -> None:
    form = order_form(client)
    for name in ("sku", "quantity", "unit_price"):
        del form[f"items-0-{name}"]
    assert 'id="id_items-0-sku_error"' in _refused(client, form)


def test_a_line_is_added_and_removed_without_javascript(client: Client) -> None:
    form = order_form(client, **{"items-0-quantity": "many"})
    more = client.post("/orders/new", {**form, "add_line": "yes"}).content.decode()
    assert 'name="items-1-sku"' in more
    assert 'name="remove_line" value="1"' in more
    assert 'value="many"' in more
    assert "errorlist" not in more
    form["items-1-sku"] = "MUG-1"
    fewer = client.post("/orders/new", {**form, "remove_line": "0"}).content.decode()
    assert 'value="MUG-1"' in fewer
    assert "TEA-1" not in fewer


def test_the_lines_of_an_order_keep_the_order_of_their_numbers() -> None:
    posted = {f"items-{number}-sku": "TEA-1" for number in (10, 2, 0)}
    assert list(typed_lines(posted)) == [0, 2, 10]


@pytest.mark.parametrize("removed", [1, 10, 11])
def test_the_line_that_is_removed_is_the_only_one(removed: int) -> None:
    posted = {
        f"items-{number}-{name}": f"{name} {number}"
        for number in range(12)
        for name in ("sku", "quantity", "unit_price")
    }
    fewer = typed_lines(one_less({**posted, "email": ""}, str(removed)))
    assert fewer == {
        number: line
        for number, line in typed_lines(posted).items()
        if number != removed
    }


def test_the_last_of_a_hundred_lines_is_taken_and_one_more_refused(
    client: Client, sqs: None
) -> None:
    form = order_form(client)
    for number in range(100):
        form |= {
            f"items-{number}-sku": f"SKU-{number}",
            f"items-{number}-quantity": "1",
            f"items-{number}-unit_price": "1.00",
        }
    page = client.post("/orders/new", {**form, "add_line": "yes"}).content.decode()
    assert "items-100-sku" not in page
    assert 'id="add-line" disabled' in page
    assert 'id="full">An order has at most 100 lines.' in page
    assert client.post("/orders/new", form).status_code == HTTPStatus.SEE_OTHER
    form |= {"items-100-sku": "SKU-100"}
    page = _refused(client, form)
    assert "An order has at most 100 lines; remove 1 of these." in page
    assert 'value="SKU-100"' in page


def test_a_signup_carries_its_profile_and_no_more_than_the_form_has(
    client: Client, sqs: None
) -> None:
    form = signup_form(client, country="gb", is_staff="on", status="processed")
    assert client.post("/signups/new", form).status_code == HTTPStatus.SEE_OTHER
    (event,) = queued("signups")
    assert isinstance(event.data, SignupRequested)
    assert event.data.model_dump(exclude_none=True) == {
        "email": "ada@example.com",
        "name": "Ada",
        "profile": {"country": "GB"},
    }


@pytest.mark.parametrize("token", ["forged", ""])
def test_a_form_that_is_old_or_forged_is_shown_again_with_a_token_that_works(
    client: Client, sqs: None, token: str
) -> None:
    form = signup_form(client, form_token=token)
    answer = client.post("/signups/new", form)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "This page was open for a long time." in answer.content.decode()
    assert 'value="Ada"' in answer.content.decode()
    again = {**form, **hidden_fields(answer)}
    assert client.post("/signups/new", again).status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    "change",
    [{"complete": ""}, {"email": ["ada@example.com", "eve@example.com"]}],
)
def test_a_torn_or_doubled_form_is_shown_again(
    client: Client, no_sqs: None, change: dict[str, Any]
) -> None:
    answer = client.post("/signups/new", signup_form(client, **change))
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "Only a part of the form arrived." in answer.content.decode()


def test_the_forms_tried_here_are_all_that_the_site_has() -> None:
    addresses = {
        f"/{one.pattern}"
        for one in urls.urlpatterns
        if issubclass(getattr(one.callback, "view_class", View), FormView)
    }
    assert set(FORMS) == addresses


@pytest.mark.parametrize("path", FORMS)
def test_a_form_that_cannot_be_stored_keeps_what_was_typed_and_its_token(
    client: Client, no_sqs: None, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(spool, "add", away)
    form = FORMS[path](client)
    answer = client.post(path, form)
    page = answer.content.decode()
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.headers["Retry-After"]
    assert "send it again" in page
    for value in form.values():
        assert f'value="{value}"' in page


@pytest.mark.django_db
def test_a_form_gets_its_receipt_while_sqs_is_away(
    client: Client, no_sqs: None
) -> None:
    answer = client.post("/signups/new", signup_form(client))
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert SpooledEvent.objects.count() == 1


def test_a_form_from_another_site_is_refused_with_help(no_sqs: None) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/orders/new", order_form(client))
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "Allow cookies" in answer.content.decode()


def test_the_total_is_shown_as_far_as_it_is_known(client: Client) -> None:
    form = order_form(client, **{"items-1-quantity": "1", "items-1-unit_price": "x"})
    page = client.post("/orders/new", {**form, "add_line": "yes"}).content.decode()
    assert "Total <strong>9.00</strong> EUR" in page


def test_a_changed_status_sent_again_is_the_same_change(
    client: Client, sqs: None
) -> None:
    form = {
        **hidden_fields(client.get("/orders/change", follow=True)),
        "order_id": "ORD-1",
        "customer_id": "C-17",
        "status": "shipped",
    }
    for _ in "12":
        answer = client.post("/orders/change", form)
        assert answer.status_code == HTTPStatus.SEE_OTHER
    first, second = queued("orders")
    assert isinstance(first.data, OrderUpdated)
    assert (first.id, first.data) == (second.id, second.data)


@pytest.mark.django_db
def test_a_known_and_an_unknown_address_get_the_same_answer(
    client: Client, sqs: None
) -> None:
    User.objects.create(
        username="known", email="known@example.com", verified_at=timezone.now()
    )
    seen = set()
    for name in ("known", "other"):
        form = signup_form(client, email=f"{name}@example.com")
        answer = client.post("/signups/new", form)
        (event,) = queued("signups")
        processor.process(event)
        page = client.get(answer.headers["Location"]).content.decode()
        seen.add((answer.status_code, page.replace(event.id, "")))
    assert len(seen) == 1


def _refused(client: Client, form: dict[str, str]) -> str:
    answer = client.post("/orders/new", form)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    return answer.content.decode()
