"""The triage desk, screen by screen, in one story.

A partner's new release writes "euros" where a currency belongs. Staff see it, look at one
order and repair it, edit the rest alike, and redrive them; two had been sent by telephone
meanwhile, so the brake stops the operation.
"""

from playwright.sync_api import Page, expect

from docs.failures import Queues, order, two_weeks
from docs.stage import PHONE, SIZE, Stage, take, until

ADMIN = "/admin/dlq_review"
LETTERS, GROUPS = f"{ADMIN}/deadletter/", f"{ADMIN}/failuregroup/"
MANY, TAKEN = 24, 2


def tour(page: Page, stage: Stage) -> None:
    waiting = fail(page, Queues(stage.sqs))
    until(page, f"{LETTERS}?state=open", f"text={waiting} dead letters")
    look_around(page)
    one_letter(page)
    edit_many(page)
    redrive_many(page)
    others(page, stage)


def fail(page: Page, queues: Queues) -> int:
    """Let orders fail; those whose ids are taken come first, and so go with the canary."""
    names = [f"ORD-{2001 + number}" for number in range(MANY)]
    for name in names[:TAKEN]:
        queues.send("orders", order(name, "EUR", quantity=3))
        queues.send("orders", order(name, "euros"))
    until(page, f"{LETTERS}?state=open", f"text={TAKEN} dead letters")
    for name in names[TAKEN:]:
        queues.send("orders", order(name, "euros"))
    return two_weeks(queues) + MANY


def look_around(page: Page) -> None:
    page.goto("/admin/")
    take(page, "desk-overview", whole=True)
    in_the_dark(page, "desk-overview-dark")
    page.goto(GROUPS)
    take(page, "desk-groups")
    page.goto(LETTERS)
    take(page, "desk-letters")
    page.keyboard.press("j")
    page.keyboard.press("?")
    take(page, "desk-keys")
    page.set_viewport_size(PHONE)
    page.goto(LETTERS)
    take(page, "desk-letters-phone")
    page.set_viewport_size(SIZE)
    open_group(page)
    page.get_by_role("button", name="I take it").click()
    page.get_by_role("textbox", name="Note").fill(
        "Our partner's release of this morning. They mend it; what came meanwhile is ours."
    )
    page.get_by_role("button", name="Save note").click()
    take(page, "desk-group", whole=True)
    page.goto(f"{LETTERS}common/?type=order_created&state=waiting")
    take(page, "desk-common", whole=True)


def in_the_dark(page: Page, name: str) -> None:
    page.emulate_media(color_scheme="dark")
    take(page, name, whole=True)
    page.emulate_media(color_scheme="light")


def open_group(page: Page) -> None:
    page.goto(f"{GROUPS}?type=order_created")
    page.get_by_role("link", name="data.currency").first.click()


def one_letter(page: Page) -> None:
    open_group(page)
    page.locator(".plain a").first.click()
    letter = page.url
    take(page, "desk-letter", whole=True)
    in_the_dark(page, "desk-letter-dark")
    page.locator("#find").fill("ORD-2003")
    page.get_by_role("button", name="Find", exact=True).click()
    take(page, "desk-request", whole=True)
    page.goto(letter)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Reason").fill("The sender wrote the currency out")
    page.get_by_role("button", name="Save", exact=True).click()
    take(page, "desk-edit", whole=True)
    page.get_by_role("button", name="Fill in").click()
    page.get_by_role("button", name="Save", exact=True).click()
    take(page, "desk-example")
    page.get_by_role("button", name="Rehearse").click()
    take(page, "desk-rehearsal")
    page.goto(letter)
    page.locator("summary[data-key='#']").click()
    take(page, "desk-discard")
    page.get_by_role("button", name="Redrive", exact=True).click()
    until(page, letter, "h1 :text('Resolved')")


def edit_many(page: Page) -> None:
    open_group(page)
    page.get_by_role("link", name=f"Edit {MANY - 1}…").click()
    page.get_by_label("New value for euros").select_option("EUR")
    page.get_by_label("and redrive what becomes valid").uncheck()
    page.get_by_label("Reason").fill("The sender wrote the currency out; they know")
    take(page, "desk-edit-many")
    page.get_by_role("button", name="Preview").click()
    take(page, "desk-edit-many-preview", whole=True)
    page.get_by_role("button", name=f"Edit {MANY - 1}").click()
    expect(page.locator("h1 .state")).to_have_text("Done")


def redrive_many(page: Page) -> None:
    open_group(page)
    page.get_by_role("link", name=f"Redrive {MANY - 1}…").click()
    page.get_by_label("Reason").fill("Currency corrected")
    take(page, "desk-operation-new")
    page.get_by_role("button", name="Freeze the list").click()
    take(page, "desk-operation-frozen", whole=True)
    page.get_by_role("button", name=f"Redrive {MANY - 1}").click()
    expect(page.locator("h1 .state")).to_have_text("Paused")
    take(page, "desk-operation-braked")
    operation = page.url
    page.locator(".plain a").first.click()
    take(page, "desk-failed-again", whole=True)
    page.goto(operation)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("h1 .state")).to_have_text("Done")
    take(page, "desk-operation-done")


def others(page: Page, stage: Stage) -> None:
    page.goto(f"{ADMIN}/operation/")
    take(page, "desk-operations")
    page.goto(f"{ADMIN}/auditentry/")
    take(page, "desk-audit")
    page.goto("/admin/processing/staffmember/add/")
    page.get_by_label("Username").fill("eve")
    for field in page.locator("input[type=password]").all():
        field.fill(stage.password)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Name:", exact=True).fill("Eve")
    page.get_by_label("Groups").select_option("Triage viewer")
    take(page, "desk-staff")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{LETTERS}?state=open")
    page.get_by_label("Username").fill("eve")
    page.get_by_label("Password").fill(stage.password)
    page.get_by_role("button", name="Log in").click()
    page.locator("table.letters tbody th a").first.click()
    take(page, "desk-denied")
