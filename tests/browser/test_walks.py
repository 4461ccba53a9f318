"""How far it is from a symptom to its repair: the pages and clicks of walks that staff take.

A walk that gets longer fails. Each begins on the overview, and names how long it was before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from dlq_review.groups.last_look import look
from dlq_review.models import DeadLetter, FailureGroup
from processing.delivery import processor
from processing.events.contracts import EmailRequested
from processing.events.envelope import parse
from processing.models import Order, SpooledEvent, User
from tests.browser.conftest import OpenPage
from tests.browser.desk import go_round, group_page, page_of, session_of
from tests.browser.test_desk_operations import await_state
from tests.builders import dead_letter, failure, order_created
from tests.live import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.siege,
    pytest.mark.django_db(transaction=True),
]
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True}


class Walk:
    """Counts the pages that open, and the clicks and keys that lead there; not what is typed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pages = self.clicks = 0
        page.on("framenavigated", self._count)

    def _count(self, _: object) -> None:
        self.pages += 1

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.clicks += 1

    def button(self, name: str) -> None:
        self.click(self.page.get_by_role("button", name=name))

    def link(self, name: str) -> None:
        self.click(self.page.get_by_role("link", name=name))


@contextmanager
def walk(page: Page, *, pages: int, clicks: int) -> Iterator[Walk]:
    one = Walk(page)
    yield one
    assert (one.pages, one.clicks) == (pages, clicks)


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_a_customer_on_the_phone_asks_for_an_order(
    open_page: OpenPage, options: dict[str, object]
) -> None:
    """One page. It was the search of six tables."""
    order = order_created(order_id="ORD-phone")
    processor.process(order)
    dead_letter()
    page = open_page("/admin/", session=session_of("viewer"), **options)
    with walk(page, pages=1, clicks=1) as one:
        page.get_by_label("Find a request by any name").fill("ORD-phone")
        one.press("Enter")
        expect(page.locator(".meta", has_text=order.id)).to_be_visible()
        expect(page.locator("h1")).to_have_class("answer")


def euros(number: int) -> None:
    wrong = failure(error_type="InvalidEventError", error_text="Choose one.")
    for _ in range(number):
        dead_letter(order_created().body.replace("EUR", "euros"), attributes=wrong)


def test_26_alike_are_repaired_from_their_group(open_page: OpenPage) -> None:
    """Three pages. It was nine, two operations and a JSON Patch by hand."""
    euros(26)
    page = open_page(
        group_page(FailureGroup.objects.get()), session=session_of("operator")
    )
    with walk(page, pages=3, clicks=3) as one:
        one.link("Edit 26…")
        page.get_by_label("New value for euros").select_option("EUR")
        page.get_by_label("Reason").fill("The sender is told")
        one.button("Preview")
        expect(page.get_by_text("26 would change and be valid")).to_be_visible()
        one.button("Repair 26")
        await_state(page, "Done")
    assert Order.objects.count() == 26
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"resolved"}


def test_26_alike_are_repaired_by_the_example_of_one(open_page: OpenPage) -> None:
    euros(26)
    letter = DeadLetter.objects.earliest("pk")
    page = open_page(page_of(letter, "edit"), session=session_of("operator"))
    with walk(page, pages=3, clicks=3) as one:
        page.get_by_label("Currency").select_option("EUR")
        page.get_by_label("Reason").fill("The sender is told")
        one.button("Save and redrive")
        expect(page.locator("#example")).to_contain_text("in 25 others")
        one.button("Preview")
        one.button("Repair 25")
        await_state(page, "Done")
    wait_for(all_ordered)


def all_ordered() -> bool:
    """The example was redriven by itself: its message may still be in the queue."""
    go_round()
    return Order.objects.count() == 26


def test_a_bulk_discard_of_the_wrong_group_is_undone(open_page: OpenPage) -> None:
    for _ in range(3):
        dead_letter(order_created(), attributes=failure())
    page = open_page("/admin/", session=session_of("administrator"))
    page.get_by_role("link", name="Another order has the id").click()
    page.get_by_role("link", name="Discard 3…").click()
    page.get_by_label("Reason").fill("An old test")
    page.get_by_role("button", name="Freeze the list and look at it").click()
    page.get_by_role("button", name="Discard 3").click()
    await_state(page, "Done")
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"discarded"}
    with walk(page, pages=3, clicks=3) as one:
        one.link("Restore these…")
        page.get_by_label("Reason").fill("The wrong group")
        one.button("Freeze the list and look at it")
        one.button("Restore 3")
        await_state(page, "Done")
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"open"}


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_what_is_new_since_yesterday(
    open_page: OpenPage, options: dict[str, object]
) -> None:
    """Three pages, from the overview to the first new group."""
    session = session_of("editor")
    for error in ("OldError", "NewError"):
        dead_letter(order_created(), attributes=failure(error_type=error))
    yesterday = timezone.now() - timedelta(days=1)
    old = FailureGroup.objects.filter(error_type="OldError")
    old.update(appeared_at=yesterday - timedelta(hours=1))
    look(User.objects.get(), yesterday)
    page = open_page("/admin/", session=session, **options)
    with walk(page, pages=3, clicks=3) as one:
        one.link("All failure groups")
        one.link("1 new")
        one.click(page.locator("[data-row] h2 a"))
        expect(page.locator(".lead")).to_contain_text("NewError")


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_a_group_is_handed_over_with_a_note(
    open_page: OpenPage, options: dict[str, object]
) -> None:
    """The page of the group again, which says who has it."""
    session_of("editor", "eva")
    dead_letter(order_created(), attributes=failure())
    group = FailureGroup.objects.get()
    page = open_page(group_page(group), session=session_of("editor"), **options)
    with walk(page, pages=1, clicks=1) as one:
        page.get_by_label("Give it to").select_option("eva")
        page.get_by_label("A word to them").fill("You know this partner.")
        one.button("Give")
        expect(page.get_by_text("Given to eva, who is told by mail.")).to_be_visible()
    group.refresh_from_db()
    assert group.owner == "eva"
    row = SpooledEvent.objects.get()
    mail = parse(row.body, fallback_id="").data
    assert isinstance(mail, EmailRequested)
    assert mail.recipient == "eva@example.com"
    assert "You know this partner." in str(mail.body)


def tab_to(field: Locator) -> None:
    """Press Tab until *field* has the focus, as somebody without a mouse does."""
    for _ in range(60):
        if field.evaluate("field => field === document.activeElement"):
            return
        field.page.keyboard.press("Tab")
    raise AssertionError(f"No Tab leads to {field}.")


def test_a_letter_is_repaired_and_redriven_by_keys_alone(open_page: OpenPage) -> None:
    """Five pages, from the overview to the letter that was processed, without a mouse."""
    euros(1)
    page = open_page("/admin/", session=session_of("administrator"))
    keys = page.keyboard
    with walk(page, pages=5, clicks=0):
        keys.type("gg")
        expect(page.locator("h1")).to_have_text("Failure groups")
        keys.type("j")
        keys.press("Enter")
        expect(page.locator(".lead")).to_contain_text("InvalidEventError")
        keys.type("e")
        value = page.get_by_label("New value for euros")
        expect(value).to_be_visible()
        tab_to(value)
        keys.type("EUR")
        tab_to(page.get_by_label("Reason"))
        keys.type("The sender is told")
        tab_to(page.get_by_role("button", name="Preview"))
        keys.press("Enter")
        expect(page.get_by_text("1 would change and be valid")).to_be_visible()
        tab_to(page.get_by_role("button", name="Repair 1"))
        keys.press("Enter")
        await_state(page, "Done")
    letter = DeadLetter.objects.get()
    assert (letter.state, letter.redrives) == ("resolved", 1)
    assert Order.objects.get().request_id == letter.request_id
