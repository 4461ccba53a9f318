"""What a key acts on, and what stays fresh while an outcome is awaited."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from dlq_review.models import DeadLetter
from dlq_review.pull.arrivals import join
from tests.browser.conftest import OpenPage
from tests.browser.desk import GROUPS, LETTERS, group_page, page_of, session_of
from tests.builders import dead_letter, failure, message, order_created, redriven

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def nothing_to_undo(settings: Settings) -> None:
    settings.REDRIVE_UNDO_SECONDS = 0


def states() -> set[str]:
    return set(DeadLetter.objects.values_list("state", flat=True))


def tick(page: Page, rows: int) -> None:
    for _ in range(rows):
        page.keyboard.press("j")
        page.keyboard.press("x")


@pytest.mark.parametrize(
    ("key", "kind"), [("R", "redrive"), ("e", "fix"), ("#", "discard")]
)
def test_with_rows_ticked_a_key_is_for_all_of_them(
    open_page: OpenPage, key: str, kind: str
) -> None:
    for _ in range(3):
        dead_letter(order_created())
    page = open_page(LETTERS, session=session_of("administrator"))
    for button in page.locator("button[hidden]").all():  # only a key presses these
        expect(button).to_be_hidden()
    tick(page, 2)
    page.keyboard.press("j")
    page.keyboard.press(key)
    expect(page.get_by_text("2 dead letters you ticked")).to_be_visible()
    expect(page.locator("[name=kind]").first).to_have_value(kind)
    assert states() == {"open"}


def test_a_key_acts_on_no_row_but_the_current_one(open_page: OpenPage) -> None:
    dead_letter("no event", attributes=failure())
    dead_letter(order_created(order_id="ORD-1"))
    page = open_page(LETTERS, session=session_of("administrator"))
    page.keyboard.press("R")  # no row is the current one
    page.keyboard.press("j")
    row = page.locator("[data-row].is-current")
    while "ORD-1" in row.inner_text():
        page.keyboard.press("j")
    page.keyboard.press("R")  # what cannot be redriven
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    assert states() == {"open", "quarantined"}


def test_a_group_is_taken_by_a_key_and_so_are_those_that_are_ticked(
    open_page: OpenPage,
) -> None:
    groups = [
        dead_letter(attributes=failure(error_type=f"{name}Error")).group
        for name in ("First", "Second", "Third")
    ]
    page = open_page(group_page(groups[0]), session=session_of("administrator"))
    page.keyboard.press("a")
    expect(page.locator("h1")).to_contain_text("Acknowledged")
    page.goto(GROUPS)
    page.keyboard.press("a")  # nothing is ticked, so it takes none
    tick(page, 2)
    page.keyboard.press("a")
    expect(page.locator(".messagelist")).to_be_visible()
    expect(page.locator("[data-row]", has_text="ada")).to_have_count(3)


def test_a_slash_is_for_the_search_of_the_list_and_else_for_the_box_on_top(
    open_page: OpenPage,
) -> None:
    letter = dead_letter(order_created())
    page = open_page(LETTERS, session=session_of("administrator"))
    for address, box in (
        (LETTERS, "#searchbar"),
        (GROUPS, "#searchbar"),
        (page_of(letter), "#find"),
    ):
        page.goto(address)
        page.keyboard.press("/")
        expect(page.locator(box)).to_be_focused()


def test_keys_walk_the_list_from_the_page_of_a_letter(open_page: OpenPage) -> None:
    for number in range(3):
        dead_letter(order_created(order_id=f"SHOP-{number}"))
    dead_letter(attributes=failure(error_type="OtherError"))
    address = f"{LETTERS}?error=NoReport"
    page = open_page(address, session=session_of("administrator"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    place = page.locator(".neighbours span")
    for key, words, order in (
        ("", "1 of 3", "SHOP-2"),
        ("j", "2 of 3", "SHOP-1"),
        ("]", "3 of 3", "SHOP-0"),
        ("j", "3 of 3", "SHOP-0"),  # the last one
        ("k", "2 of 3", "SHOP-1"),
        ("[", "1 of 3", "SHOP-2"),
    ):
        if key:
            page.keyboard.press(key)
        expect(place).to_have_text(words)
        expect(page.locator("h1")).to_contain_text(order)
    page.keyboard.press("R")
    expect(place).to_have_text("no longer in the list of 2")
    page.keyboard.press("j")
    expect(place).to_have_text("1 of 2")


def test_the_facts_follow_a_redrive_until_its_outcome(open_page: OpenPage) -> None:
    event = order_created(order_id="ORD-1")
    letter = dead_letter(event)
    page = open_page(page_of(letter), session=session_of("administrator"))
    fact = page.locator("#known")
    expect(fact).to_contain_text("Last redriven–")
    page.keyboard.press("R")
    expect(page.locator("h1")).to_contain_text("Redriven")
    expect(fact).to_contain_text("Last redrivennow")
    expect(fact).to_contain_text("0 waiting")
    letter.refresh_from_db()
    again = message(
        event,
        queue="orders-dlq",
        attributes=failure(error_text="Again.", release="r2") | redriven(letter),
    )
    assert join(again)
    expect(page.locator("h1")).to_contain_text("Failed again")
    expect(fact).to_contain_text("Releaser2")
    expect(fact).to_contain_text("1 waiting")
    expect(page.locator("#arrived summary")).to_have_count(2)
