"""A letter is edited as a form, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from dlq_review.models import DeadLetter
from tests.browser.conftest import OpenPage
from tests.browser.desk import page_of, session_of
from tests.builders import dead_letter, failure, order_created

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def wrong() -> DeadLetter:
    body = order_created().body.replace('"EUR"', '"euros"')
    return dead_letter(body, attributes=failure())


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_suggestion_a_new_item_and_a_save(open_page: OpenPage, scripts: bool) -> None:
    letter = wrong()
    page = open_page(
        page_of(letter, "edit"),
        session=session_of("editor"),
        java_script_enabled=scripts,
    )
    expect(page.get_by_label("Currency")).to_be_focused()
    page.get_by_role("button", name="Fill in").click()
    expect(page.get_by_label("Currency")).to_have_value("EUR")
    page.get_by_role("button", name="Add to items").click()
    page.get_by_label("Sku").nth(1).fill("MUG-2")
    page.get_by_label("Reason").fill("Agreed by phone")
    page.keyboard.press("Enter")
    expect(page.locator("#problems")).to_contain_text("Not saved")
    expect(page.get_by_label("Sku").nth(1)).to_have_value("MUG-2")
    expect(page.get_by_label("Quantity").nth(1)).to_be_focused()
    page.get_by_role("button", name="Remove Items, number 2").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Saved revision 1")


def test_the_line_numbers_follow_the_text(open_page: OpenPage) -> None:
    page = open_page(
        f"{page_of(wrong(), 'edit')}?as=text", session=session_of("editor")
    )
    marked = page.locator(".numbers .is-wrong")
    expect(marked).to_have_text(re.compile(r"! \d+"))
    page.get_by_label("Body").fill("{\n}\n")
    expect(page.locator(".numbers span")).to_have_count(3)
