"""The desk on a phone, and the keys that lead from page to page."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.desk import GROUPS, LETTERS, group_page, page_of, session_of
from tests.browser.looking import cut_off, serious
from tests.builders import dead_letter, failure, order_created

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 800}


def test_everything_that_is_pressed_is_large_enough(open_page: OpenPage) -> None:
    letter = dead_letter(order_created(), attributes=failure())
    page = open_page("/admin/", session=session_of("administrator"), viewport=PHONE)
    new = f"/admin/dlq_review/operation/new/?group={letter.group_id}"
    found = []
    for path in (
        *("/admin/", LETTERS, GROUPS, page_of(letter), page_of(letter, "edit")),
        *(group_page(letter.group), new),
    ):
        page.goto(path)
        found += [f"{path}: {one}" for one in serious(page, ["target-size"])]
        page.get_by_text("Menu", exact=True).click()
        found += [f"{path}: {one}" for one in cut_off(page)]
    assert not found, "\n".join(found)


def test_the_menu_leads_on_from_an_inner_page_without_scripts(
    open_page: OpenPage,
) -> None:
    letter = dead_letter(order_created(), attributes=failure())
    page = open_page(
        page_of(letter),
        session=session_of("viewer"),
        viewport=PHONE,
        java_script_enabled=False,
    )
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("navigation", name="Menu").get_by_text("Failure groups").click()
    expect(page).to_have_url(re.compile("failuregroup"))


def test_a_known_list_asks_for_three_fields(open_page: OpenPage) -> None:
    letter = dead_letter(order_created(), attributes=failure())
    page = open_page(
        f"/admin/dlq_review/operation/new/?group={letter.group_id}",
        session=session_of("administrator"),
    )
    fields = page.locator(".plan .field input, .plan .field select, .plan textarea")
    assert [one.get_attribute("name") for one in fields.all() if one.is_visible()] == [
        *("kind", "limit", "reason")
    ]
    page.get_by_label("Reason").fill("Fixed")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Redrive")


def test_keys_lead_from_page_to_page_and_out_of_a_note(open_page: OpenPage) -> None:
    letter = dead_letter(order_created(), attributes=failure())
    page = open_page("/admin/", session=session_of("administrator"))
    for keys, address in (
        ("gd", LETTERS),
        ("gg", GROUPS),
        ("go", "/admin/dlq_review/operation/"),
        ("ga", "/admin/dlq_review/auditentry/"),
        ("gh", "/admin/"),
    ):
        for key in keys:
            page.keyboard.press(key)
        expect(page).to_have_url(re.compile(f"{address}$"))
    page.goto(group_page(letter.group))
    note = page.get_by_role("textbox", name="Note")
    page.keyboard.press("n")
    page.keyboard.type("gd stays text")
    page.keyboard.press("Escape")
    expect(note).not_to_be_focused()
    expect(note).to_have_value("gd stays text")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page).to_have_url(re.compile(f"{LETTERS}$"))
    page.keyboard.press("x")
    expect(page.locator("[data-row] input:checked")).to_have_count(1)
