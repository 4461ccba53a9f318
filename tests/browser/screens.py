"""Every screen of the triage desk, and how to come to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.contrib import admin
from playwright.sync_api import Page

from tests.browser.desk import (
    ALERTS,
    AUDIT,
    GROUPS,
    LETTERS,
    OPERATIONS,
    POLICIES,
    FullDesk,
    group_page,
    operation_page,
    page_of,
)

Act = Callable[[Page], object]


@dataclass(frozen=True, slots=True)
class Screen:
    name: str
    path: str
    act: Act | None = None
    """What is done on that page to come to the screen."""

    def open(self, page: Page) -> None:
        page.goto(self.path)
        if self.act:
            self.act(page)
            page.wait_for_load_state()


def screens(part: str, desk: FullDesk) -> Iterator[Screen]:
    """A part of all that somebody who may do everything can see."""
    return PARTS[part](desk)


def _others(desk: FullDesk) -> Iterator[Screen]:
    yield Screen("overview", "/admin/")
    yield Screen("no request found", "/admin/find/?q=nothing")
    yield Screen("requests found", "/admin/find/?q=C-17")
    yield Screen(
        "a request", f"/admin/request/{next(iter(desk.letters.values())).request_id}/"
    )
    yield Screen("no such page", f"{LETTERS}999999/change/")
    yield Screen("the password", "/admin/password_change/")


def _lists(_: FullDesk) -> Iterator[Screen]:
    yield Screen("groups", GROUPS)
    yield Screen("all groups", f"{GROUPS}?state=all")
    yield Screen("my groups, sorted", f"{GROUPS}?owner=mine&sort=oldest")
    yield Screen("no groups", f"{GROUPS}?q=nothing")
    yield Screen("letters", LETTERS)
    yield Screen("all letters", f"{LETTERS}?state=all")
    yield Screen("no letters", f"{LETTERS}?q=nothing")
    yield Screen("what letters have in common", f"{LETTERS}common/?queue=orders")
    yield Screen("letters with a value", f"{LETTERS}?field=data.currency=EUR")
    yield Screen("an open filter", LETTERS, _click(".filter summary"))
    yield Screen("the keys", LETTERS, lambda page: page.keyboard.press("?"))
    yield Screen("operations", OPERATIONS)
    yield Screen("audit", AUDIT)
    yield Screen("alerts", ALERTS)
    yield Screen("no alerts", f"{ALERTS}?q=nothing")
    yield Screen("a new member of staff", "/admin/processing/staffmember/add/")


def _rows(_: FullDesk) -> Iterator[Screen]:
    """For each model that has no pages of our own: its list, and the page of a row."""
    for model in admin.site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        if model._meta.app_label == "dlq_review":
            continue
        yield Screen(f"{name}, all", f"/admin/{name}/")
        if row := model._default_manager.first():
            yield Screen(f"{name}, one", f"/admin/{name}/{row.pk}/change/")


def _groups(desk: FullDesk) -> Iterator[Screen]:
    for state, group in desk.groups.items():
        yield Screen(f"a group that is {state}", group_page(group))
    rehearse = _press("Rehearse a few")
    yield Screen("a group rehearsed", group_page(desk.groups["open"]), rehearse)


def _letters(desk: FullDesk) -> Iterator[Screen]:
    for state, letter in desk.letters.items():
        yield Screen(f"a letter: {state}", page_of(letter))
    one = page_of(desk.letters["open"])
    yield Screen("rehearsed", one, _press("Rehearse"))
    yield Screen("revealed", one, _press("Reveal it, on record"))
    yield Screen("about to discard", one, _click("summary[data-key='#']"))


def _edits(desk: FullDesk) -> Iterator[Screen]:
    yield Screen("edit", page_of(desk.letters["open"], "edit"))
    yield Screen("edit what is invalid", page_of(desk.letters["invalid"], "edit"))
    yield Screen("edit as text", f"{page_of(desk.letters['invalid'], 'edit')}?as=text")
    yield Screen(
        "edit what is unreadable", page_of(desk.letters["quarantined"], "edit")
    )
    yield Screen("edit what is settled", page_of(desk.letters["resolved"], "edit"))
    yield Screen("edit with errors", page_of(desk.letters["open"], "edit"), _spoil)


def _operations(desk: FullDesk) -> Iterator[Screen]:
    for name, operation in desk.operations.items():
        yield Screen(f"an operation: {name}", operation_page(operation))
    new, group = f"{OPERATIONS}new/", desk.groups["open"].pk
    for kind in ("redrive", "discard", "fix"):
        yield Screen(f"a new {kind}", f"{new}?group={group}&kind={kind}")
    yield Screen("a new operation with errors", new, _plan_wrongly)
    invalid = desk.letters["invalid"].group_id
    yield Screen("an edit of many", f"{OPERATIONS}edit/?group={invalid}")
    yield Screen("an edit of none", f"{OPERATIONS}edit/?group={group}")


def _policies(desk: FullDesk) -> Iterator[Screen]:
    for state, policy in desk.policies.items():
        yield Screen(f"a policy: {state}", f"{POLICIES}{policy.pk}/change/")
    new = f"{POLICIES}new/"
    yield Screen("policies", POLICIES)
    yield Screen("no policies", f"{POLICIES}?q=nothing")
    yield Screen("a new policy", f"{new}?group={desk.groups['open'].pk}")
    yield Screen("a new policy with errors", new, _schedule_wrongly)


def _schedule_wrongly(page: Page) -> None:
    page.get_by_label("Only while").select_option("http")
    page.get_by_label("URL").fill("http://x.example")
    page.get_by_label("Reason").fill("To see what happens")
    page.get_by_role("button", name="Make it and look at it").click()


def _click(selector: str) -> Act:
    return lambda page: page.locator(selector).first.click()


def _press(button: str) -> Act:
    return lambda page: page.get_by_role("button", name=button, exact=True).click()


def _spoil(page: Page) -> None:
    page.get_by_label("Quantity").fill("two")
    page.get_by_label("Customer id").fill("")
    page.get_by_label("Reason").fill("To see what happens")
    page.get_by_role("button", name="Save", exact=True).click()


def _plan_wrongly(page: Page) -> None:
    page.get_by_label("What to do").select_option("fix")
    page.get_by_label("Change, for an edit").fill("nonsense")
    page.get_by_label("Reason").fill("To see what happens")
    page.get_by_role("button", name="Freeze the list").click()


#: Each takes about as long as another: they are looked at side by side.
PARTS: dict[str, Callable[[FullDesk], Iterator[Screen]]] = {
    "lists": _lists,
    "rows": _rows,
    "groups": _groups,
    "letters": _letters,
    "edits": _edits,
    "operations": _operations,
    "policies": _policies,
    "others": _others,
}
