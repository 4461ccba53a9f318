"""How far it is from a symptom to its repair: the pages and clicks of walks that staff take.

A walk that gets longer fails. Each begins on the overview, and names how long it was before.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

from dlq_review.models import DeadLetter, FailureGroup
from processing.delivery import processor
from processing.models import Order
from tests.browser.conftest import OpenPage
from tests.browser.desk import group_page, page_of, session_of
from tests.browser.test_desk_operations import await_state
from tests.builders import dead_letter, failure, order_created

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
    assert Order.objects.count() == 26


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
