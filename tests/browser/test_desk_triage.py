"""One dead letter, from the first look to its end, as staff would do it."""

import re
import time

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from dlq_review.models import AuditEntry, DeadLetter
from processing.delivery import processor
from processing.models import Order
from tests.browser.conftest import OpenPage
from tests.browser.desk import GROUPS, LETTERS, go_round, page_of, session_of
from tests.builders import dead_letter, failure, order_created

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NO_SCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])
WRONG_CURRENCY = failure(error_type="InvalidEventError", error_text="Choose one.")


@pytest.fixture(autouse=True)
def nothing_to_undo(settings: Settings) -> None:
    settings.REDRIVE_UNDO_SECONDS = 0  # test_desk_undo waits for it


def wrong_currency(order_id: str) -> DeadLetter:
    body = order_created(order_id=order_id).body.replace("EUR", "euros")
    return dead_letter(body, attributes=WRONG_CURRENCY)


def wait_until(page: Page, state: str) -> None:
    """Let worker and beat work until the letter on *page* is in *state*."""
    shown = page.locator("h1 .state")
    end = time.monotonic() + 20
    while state not in shown.inner_text():
        assert time.monotonic() < end, f"{shown.inner_text()} instead of {state}"
        go_round()
        page.reload()


def text_of(letter: DeadLetter) -> str:
    return f"{page_of(letter, 'edit')}?as=text"


def correct(page: Page, wrong: str, right: str, reason: str) -> None:
    body = page.get_by_label("Body")
    body.fill(body.input_value().replace(wrong, right))
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Save", exact=True).click()


@NO_SCRIPT
def test_from_the_group_to_the_repaired_order(
    open_page: OpenPage, javascript: bool
) -> None:
    wrong_currency("ORD-7")
    page = open_page(
        "/admin/", session=session_of("operator"), java_script_enabled=javascript
    )
    page.locator("a[href*='/failuregroup/'][href*='/change/']").first.click()
    page.locator("ul.plain").get_by_role("link", name="ORD-7").click()
    expect(page.locator("dd.bad")).to_contain_text("euros")
    expect(page.locator("dd.bad")).to_contain_text("Choose one of")
    expect(page.get_by_role("button", name="Redrive")).to_be_disabled()

    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Edit the JSON instead").click()
    correct(page, "euros", "doubloons", "They meant another currency")
    expect(page.get_by_role("alert")).to_contain_text("data.currency")
    expect(page.locator(".diff .add")).to_contain_text("doubloons")
    expect(page.get_by_label("Reason")).to_have_value("They meant another currency")
    correct(page, "doubloons", "EUR", "The sender wrote the currency out")

    expect(page.locator(".diff .add")).to_contain_text('"EUR"')
    page.get_by_role("button", name="Rehearse").click()
    expect(page.locator("section[role=status]")).to_contain_text(
        "it would be processed"
    )
    expect(page.locator("section[role=status]")).to_contain_text("1 order added")
    assert not Order.objects.exists()

    page.get_by_role("button", name="Redrive", exact=True).click()
    wait_until(page, "Resolved")
    expect(page.locator(".timeline")).to_contain_text(
        "The sender wrote the currency out"
    )
    assert Order.objects.get().order_id == "ORD-7"


def test_a_letter_that_fails_again_is_the_same_one_with_its_history(
    open_page: OpenPage,
) -> None:
    processor.process(order_created(order_id="ORD-9", customer_id="C-1"))
    letter = dead_letter(order_created(order_id="ORD-9"), attributes=failure())
    page = open_page(page_of(letter), session=session_of("editor"))
    page.get_by_role("button", name="Rehearse").click()
    expect(page.locator("section[role=status]")).to_contain_text("it would fail")
    expect(page.locator("section[role=status]")).to_contain_text("OrderExistsError")
    page.get_by_role("button", name="Redrive", exact=True).click()
    wait_until(page, "Failed again (1)")
    assert page.url.endswith(page_of(letter))
    assert DeadLetter.objects.count() == 1
    happened = page.locator(".timeline li b")
    expect(happened.filter(has_text="Pulled from the DLQ")).to_have_count(1)
    expect(happened.filter(has_text="Failed again")).to_have_count(1)
    expect(page.get_by_text("orders-dlq")).to_have_count(2)
    expect(page.locator(".attempt")).to_contain_text("Another order has the id ORD-9")
    expect(page.locator(".trace .ours").first).to_be_visible()


def test_of_two_editors_the_second_is_told_who_was_first_and_keeps_the_text(
    open_page: OpenPage,
) -> None:
    letter = wrong_currency("ORD-3")
    ada = open_page(text_of(letter), session=session_of("editor", "ada"))
    bob = open_page(text_of(letter), session=session_of("editor", "bob"))
    correct(bob, "euros", "EUR", "Asked the customer")
    correct(ada, "euros", "USD", "The shop is in Boston")
    said = ada.locator(".messagelist")
    expect(said).to_contain_text("saved first, by bob (Asked the customer)")
    expect(ada.get_by_label("Body")).to_have_value(re.compile('"currency": "USD"'))
    expect(ada.get_by_label("Reason")).to_have_value("The shop is in Boston")
    expect(ada.locator(".diff .del")).to_contain_text('"EUR"')
    assert letter.revisions.count() == 2
    ada.get_by_role("button", name="Save", exact=True).click()
    expect(ada.locator(".messagelist")).to_contain_text("Saved revision 2")
    assert letter.revisions.count() == 3


def test_a_viewer_sees_every_button_and_why_none_can_be_pressed(
    open_page: OpenPage,
) -> None:
    letter = dead_letter(order_created(email="grace@example.com"), attributes=failure())
    entries = AuditEntry.objects.count()
    page = open_page(page_of(letter), session=session_of("viewer"))
    for name in ("Redrive", "Edit", "Rehearse", "Resolve", "Discard"):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_be_disabled()
        expect(button).to_have_accessible_description(
            re.compile("do not have the perm")
        )
    expect(page.locator(".veil")).to_contain_text("you do not have the permission")
    assert "grace@" not in page.content()
    page.goto(LETTERS)
    for name in ("Redrive or discard many…", f"Redrive {letter}", "CSV", "JSON Lines"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    assert "grace@" not in page.content()
    page.goto(f"{GROUPS}{letter.group_id}/change/")
    for name in ("Redrive 1…", "Rehearse a few", "Edit 1…", "Discard 1…", "I take it"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    assert AuditEntry.objects.count() == entries


def test_a_viewer_who_posts_anyway_is_refused_and_nothing_changes(
    open_page: OpenPage,
) -> None:
    letter = dead_letter(order_created(), attributes=failure())
    entries = AuditEntry.objects.count()
    page = open_page(page_of(letter), session=session_of("viewer"))
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    group = f"{GROUPS}{letter.group_id}/"
    verbs = ("redrive", "edit", "rehearse", "resolve", "discard", "reveal", "body/0")
    paths = [page_of(letter, verb) for verb in verbs]
    paths += [f"{group}{verb}/" for verb in ("acknowledge", "resolve", "annotate")]
    paths += [f"{LETTERS}export/csv/", "/admin/dlq_review/operation/new/"]
    for path in paths:
        answer = page.request.post(
            path, form={"csrfmiddlewaretoken": token, "reason": "x", "body": "{}"}
        )
        assert answer.status == 403, path
        assert "csrf" not in answer.text().lower()
    letter.refresh_from_db()
    assert (letter.state, letter.revision) == ("open", 0)
    assert AuditEntry.objects.count() == entries


@NO_SCRIPT
def test_personal_data_is_revealed_on_record(
    open_page: OpenPage, javascript: bool
) -> None:
    letter = dead_letter(order_created(email="grace@example.com"))
    page = open_page(
        page_of(letter), session=session_of("editor"), java_script_enabled=javascript
    )
    expect(page.get_by_text("g…@example.com").first).to_be_visible()
    assert "grace@example.com" not in page.content()
    page.get_by_role("button", name="Reveal it, on record").click()
    expect(page.get_by_text("grace@example.com").first).to_be_visible()
    assert letter.audit.get(verb="revealed").actor == "ada"


def test_the_whole_path_by_keyboard_alone(open_page: OpenPage) -> None:
    first = dead_letter(order_created(order_id="ORD-1"), attributes=failure())
    wrong_currency("ORD-2")
    page = open_page(LETTERS, session=session_of("operator"))
    press = page.keyboard.press
    press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("heading", name="Keys")).to_be_hidden()
    press("j")
    press("j")
    press("k")
    row = page.locator("[data-row].is-current")
    expect(page.locator(":focus-visible")).to_have_css("outline-style", "solid")
    press("x")
    expect(row.get_by_role("checkbox")).to_be_checked()
    press("x")
    while "ORD-2" not in row.inner_text():
        press("j")
    press("Enter")
    expect(page.locator("h1")).to_contain_text("ORD-2")
    press("e")
    expect(page.locator("h1")).to_contain_text("Edit")
    expect(page.get_by_label("Currency")).to_be_focused()
    page.keyboard.type("EUR")
    tab_to(page, "Reason")
    page.keyboard.type("By hand, with no mouse near; e and R stay letters here")
    press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Saved revision 1")
    press("Shift+R")
    expect(page.get_by_text("Saved revision 1")).to_be_hidden()
    wait_until(page, "Resolved")
    page.goto(page_of(first))
    press("#")
    reason = page.locator("#reason-discard")
    expect(reason).to_be_focused()
    press("Escape")
    expect(reason).to_be_hidden()
    press("#")
    page.keyboard.type("Sent for a test")
    press("Enter")
    expect(page.locator("h1")).to_contain_text("Discarded")
    page.goto(f"{GROUPS}{first.group_id}/change/")
    press("n")
    page.keyboard.type("note")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("note")


def tab_to(page: Page, label: str) -> None:
    """Press Tab until the field is reached; what has the focus on the way can be seen."""
    field = page.get_by_label(label)
    for _ in range(60):
        page.keyboard.press("Tab")
        expect(page.locator(":focus-visible")).to_have_css("outline-style", "solid")
        if field.evaluate("field => field === document.activeElement"):
            return
    pytest.fail(f"{label} cannot be reached with the Tab key")
