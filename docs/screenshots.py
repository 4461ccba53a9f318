"""Take the pictures of the documents: `make screenshots`.

Starts the whole system with a var/ and ports of its own, and drives it with Chromium as a
customer and as staff would.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from docs.desk_tour import tour
from docs.stage import (
    PATIENCE,
    SIZE,
    Stage,
    chromium,
    resting_worker,
    running,
    take,
    until,
)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as var,
        running(Path(var)) as stage,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE, base_url=stage.site)
        page.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        order(page, stage.var)
        repair(page, stage)
        tour(page, stage)
        browser.close()


def order(page: Page, var: Path) -> None:
    page.goto("/")
    take(page, "home")
    page.goto("/orders/new")
    page.get_by_label("Customer").first.fill("C-17")
    page.get_by_label("mail").first.fill("ada@example.com")
    fill_line(page, 0, "TEA-1", "2", "4.50")
    page.get_by_role("button", name="Add a line").click()
    fill_line(page, 1, "CUP-7", "1", "12.00")
    take(page, "order", whole=True)
    with resting_worker(var):
        page.get_by_role("button", name="Send the order").click()
        expect(page.get_by_role("heading", name="Received")).to_be_visible()
        take(page, "receipt-waiting")
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    take(page, "receipt-done")


def fill_line(page: Page, number: int, sku: str, quantity: str, price: str) -> None:
    line = page.locator("#lines fieldset").nth(number)
    for field, value in zip(
        line.locator("input").all(), (sku, quantity, price), strict=True
    ):
        field.fill(value)


def repair(page: Page, stage: Stage) -> None:
    page.goto("/demo/")
    page.get_by_role("button", name="Send a broken message").click()
    take(page, "broken")
    page.goto("/admin/")
    take(page, "desk-login")
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill(stage.password)
    page.get_by_role("button", name="Log in").click()
    until(page, "/admin/dlq_review/deadletter/", "table.letters tbody th a")
    take(page, "dead-letters")
    page.goto("/admin/")
    take(page, "overview")
    page.goto("/admin/dlq_review/deadletter/")
    page.locator("table.letters tbody th a").click()
    letter = page.url
    take(page, "dead-letter-before")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="order_created").click()
    page.get_by_label("Reason").fill(
        "The sender lost a brace; agreed with them by phone"
    )
    take(page, "dead-letter-edit", whole=True)
    page.get_by_role("button", name="Save and redrive").click()
    until(page, letter, "h1 :text('Resolved')")
    take(page, "dead-letter-after")


if __name__ == "__main__":
    main()
