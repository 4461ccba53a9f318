import re

import pytest
from playwright.sync_api import Page, expect

from processing.events.contracts import OrderCreated
from processing.handlers.accounts import verification_token
from processing.models import User
from processing.sqs import queues
from tests.browser.conftest import OpenPage
from tests.intake.public_pages import queued

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RECEIPT = re.compile(r"/receipts/[^/]+/")
BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])


LABELS = ("Article number", "Quantity", "Price each")


def fill_order(page: Page) -> None:
    page.get_by_label("Customer number").fill("C-17")
    page.get_by_label("Email address").fill("ada@example.com")
    fill_line(page, 0, "TEA-1", "2", "4.50")


def fill_line(page: Page, at: int, sku: str, quantity: str, price: str) -> None:
    line = page.get_by_role("group").nth(at)
    line.get_by_label("Article number").fill(sku)
    line.get_by_label("Quantity").fill(quantity)
    line.get_by_label("Price each").fill(price)


@BOTH
def test_lines_are_added_and_removed_and_the_order_gets_its_receipt(
    open_page: OpenPage, javascript: bool
) -> None:
    page = open_page("/orders/new", java_script_enabled=javascript)
    fill_order(page)
    for at, sku in enumerate(["MUG-1", "POT-1"], start=1):
        page.get_by_role("button", name="Add a line").click()
        fill_line(page, at, sku, "1", "3.00")
    expect(page.get_by_role("group")).to_have_count(3)
    page.get_by_role("button", name="Remove line 2").click()
    expect(page.get_by_role("group")).to_have_count(2)
    expect(page.get_by_role("group").nth(1)).to_contain_text("Line 2")
    page.get_by_role("button", name="Send the order").click()
    expect(page).to_have_url(RECEIPT)
    (event,) = queued("orders")
    assert isinstance(event.data, OrderCreated)
    assert [item.sku for item in event.data.items] == ["TEA-1", "POT-1"]


def test_the_total_is_added_up_while_typing(open_page: OpenPage) -> None:
    page = open_page("/orders/new")
    entries = page.evaluate("history.length")
    fill_order(page)
    expect(page.locator("#total")).to_have_text("Total 9.00 EUR")
    page.get_by_role("button", name="Add a line").click()
    fill_line(page, 1, "MUG-1", "3", "0.1")
    page.get_by_label("Currency").select_option("USD")
    expect(page.locator("#total")).to_have_text("Total 9.30 USD")
    page.get_by_role("button", name="Remove line 1").click()
    expect(page.locator("#total")).to_have_text("Total 0.30 USD")
    assert page.evaluate("history.length") == entries, "Back leads to the page before"


@BOTH
def test_errors_stand_beside_their_fields_and_what_was_typed_stays(
    open_page: OpenPage, javascript: bool
) -> None:
    page = open_page("/orders/new", java_script_enabled=javascript)
    fill_order(page)
    page.get_by_label("Email address").fill("ada")
    fill_line(page, 0, "TEA-1", "two", "4.50")
    page.get_by_role("button", name="Send the order").click()
    wrong = page.get_by_label("Quantity")
    expect(wrong).to_have_value("two")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_accessible_description("Write this as a whole number.")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was sent yet")
    wrong.fill("2")
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_role("button", name="Send the order").click()
    expect(page).to_have_url(RECEIPT)


@BOTH
def test_the_enter_key_sends_the_order_and_removes_no_line(
    open_page: OpenPage, javascript: bool
) -> None:
    page = open_page("/orders/new", java_script_enabled=javascript)
    fill_order(page)
    page.get_by_label("Price each").press("Enter")
    expect(page).to_have_url(RECEIPT)
    assert len(queued("orders")) == 1


@BOTH
def test_going_back_and_sending_again_leads_to_the_same_receipt(
    open_page: OpenPage, javascript: bool
) -> None:
    page = open_page("/signups/new", java_script_enabled=javascript)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_role("button", name="Sign up").click()
    expect(page).to_have_url(RECEIPT)
    first = page.url
    page.go_back()
    expect(page.get_by_label("Your name")).to_have_value("Ada")
    expect(page.get_by_label("Email address")).to_have_value("ada@example.com")
    page.get_by_role("button", name="Sign up").click()
    expect(page).to_have_url(RECEIPT)
    assert page.url == first
    assert len({event.id for event in queued("signups")}) == 1


@BOTH
def test_going_back_finds_every_line_as_it_was_typed(
    open_page: OpenPage, javascript: bool
) -> None:
    page = open_page("/orders/new", java_script_enabled=javascript)
    fill_order(page)
    for at, sku in enumerate(["MUG-1", "POT-1", "CUP-1"], start=1):
        page.get_by_role("button", name="Add a line").click()
        fill_line(page, at, sku, str(at), "3,00")
    page.get_by_role("button", name="Remove line 2").click()
    page.get_by_role("button", name="Send the order").click()
    expect(page).to_have_url(RECEIPT)
    first = page.url
    page.go_back()
    expect(page.get_by_role("group")).to_have_count(3)
    expect(page.get_by_label("Customer number")).to_have_value("C-17")
    for at, values in enumerate(
        [("TEA-1", "2", "4.50"), ("POT-1", "2", "3,00"), ("CUP-1", "3", "3,00")]
    ):
        for label, value in zip(LABELS, values, strict=True):
            line = page.get_by_role("group").nth(at)
            expect(line.get_by_label(label)).to_have_value(value)
    page.get_by_role("button", name="Send the order").click()
    expect(page).to_have_url(first)
    if javascript:
        page.go_back()
        expect(page.locator("#total")).to_have_text("Total 24.00 EUR")
        page.get_by_role("button", name="Add a line").click()
        fill_line(page, 3, "JUG-1", "1", "1")
        expect(page.locator("#total")).to_have_text("Total 25.00 EUR")


def test_the_hundred_and_first_line_cannot_be_added(open_page: OpenPage) -> None:
    page = open_page("/orders/new")
    for _ in range(99):
        page.locator("#add-line").click()
    expect(page.get_by_role("group")).to_have_count(100)
    expect(page.locator("#add-line")).to_be_disabled()
    expect(page.get_by_text("An order has at most 100 lines.")).to_be_visible()
    fill_order(page)
    page.get_by_label("Email address").fill("ada")
    page.get_by_role("group").nth(99).get_by_label("Quantity").fill("many")
    page.get_by_role("button", name="Send the order").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 100, quantity")
    expect(page.locator("#add-line")).to_be_disabled()
    page.get_by_role("link", name="Line 100, quantity").click()
    expect(page.get_by_role("group").nth(99).get_by_label("Quantity")).to_be_focused()


def test_a_double_click_is_one_request(open_page: OpenPage) -> None:
    page = open_page("/orders/new")
    fill_order(page)
    page.get_by_role("button", name="Send the order").dblclick()
    expect(page).to_have_url(RECEIPT)
    assert len({event.id for event in queued("orders")}) == 1


@BOTH
def test_the_status_of_an_order_is_changed(
    open_page: OpenPage, javascript: bool
) -> None:
    page = open_page("/orders/change", java_script_enabled=javascript)
    page.get_by_label("Order number").fill("ORD-1")
    page.get_by_label("Customer number").fill("C-17")
    page.get_by_label("New status").select_option("shipped")
    page.get_by_role("button", name="Send the change").click()
    expect(page).to_have_url(RECEIPT)
    assert len(queued("orders")) == 1


@BOTH
def test_the_mailed_link_asks_for_a_password_and_opens_the_account(
    open_page: OpenPage, javascript: bool
) -> None:
    user = User.objects.create(username="a", email="ada@example.com", is_active=False)
    path = f"/verify/{verification_token(str(user.pk))}/"
    page = open_page(path, java_script_enabled=javascript)
    for password in ("password", "correct horse battery staple"):
        for field in page.locator("input[type=password]").all():
            field.fill(password)
        page.get_by_role("button", name="Open my account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account is open")


def test_the_form_works_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page("/signups/new")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    page.keyboard.type("ada@example.com")
    page.keyboard.press("Enter")
    expect(page).to_have_url(RECEIPT)
    assert len(queues.receive("signups")) == 1
