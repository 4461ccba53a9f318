"""What staff can take back, in a browser: a redrive until it is sent, an edit of many."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import control, edit_undo, plans, runner
from dlq_review.operations.plans import Plan
from dlq_review.redrive import undo_window
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.models import User
from processing.sqs import queues
from tests.browser.conftest import OpenPage
from tests.browser.looking import assert_accessible
from tests.builders import dead_letter, order_created
from tests.dlq_review.patches import EUROS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
BOTH = pytest.mark.parametrize(
    "javascript",
    [
        pytest.param(True, id="js"),
        pytest.param(False, id="nojs", marks=pytest.mark.siege),
    ],
)
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
LIST = "/admin/dlq_review/deadletter/"


@pytest.fixture
def signed_in(live_server: LiveServer) -> dict[str, Any]:
    """What a new browser needs to be a superuser's."""
    user = User.objects.create_superuser(username="ada", email="ada@example.com")
    client = Client()
    client.force_login(user)
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": live_server.url,
    }
    return {"storage_state": {"cookies": [cookie], "origins": []}}


def letter_page(letter: DeadLetter) -> str:
    return f"{LIST}{letter.pk}/change/"


def state(page: Page) -> Any:
    return expect(page.get_by_role("heading", level=1))


def test_the_keys_redrive_and_undo(
    open_page: OpenPage, signed_in: dict[str, Any]
) -> None:
    letter = dead_letter(order_created(order_id="ORD-7"))
    page = open_page(letter_page(letter), **signed_in)
    page.keyboard.press("R")
    state(page).to_contain_text("Being sent")
    assert_accessible(page)
    page.keyboard.press("u")
    expect(page.get_by_text("ORD-7 was not sent")).to_be_visible()
    state(page).to_contain_text("Open")
    assert queues.receive("orders") == []


def test_the_list_offers_the_undo_and_stays_where_it_is(
    open_page: OpenPage, signed_in: dict[str, Any]
) -> None:
    letter = dead_letter(order_created(order_id="ORD-7"))
    page = open_page(f"{LIST}?state=open", **signed_in)
    page.get_by_role("button", name="Redrive ORD-7").click()
    undo = page.get_by_role("button", name="Undo the redrive of ORD-7")
    expect(undo).to_be_visible()
    assert page.url.endswith("?state=open")
    undo.click()
    expect(page.get_by_role("link", name="ORD-7")).to_be_visible()
    letter.refresh_from_db()
    assert letter.state == "open"


@pytest.mark.siege
def test_the_list_takes_the_undo_away_once_it_is_sent(
    open_page: OpenPage, signed_in: dict[str, Any]
) -> None:
    dead_letter(order_created(order_id="ORD-7"))
    page = open_page(LIST, **signed_in)
    page.get_by_role("button", name="Redrive ORD-7").click()
    expect(page.locator("#held")).to_contain_text("being sent in a moment")
    send_now()
    expect(page.locator("#held")).to_be_empty()


def send_now() -> None:
    DeadLetter.objects.update(send_after=timezone.now())
    assert undo_window.send_due() == 1


@BOTH
def test_the_page_learns_by_itself_that_it_was_sent(
    open_page: OpenPage, signed_in: dict[str, Any], javascript: bool
) -> None:
    page = open_page(
        letter_page(dead_letter()), java_script_enabled=javascript, **signed_in
    )
    page.get_by_role("button", name="Redrive").click()
    state(page).to_contain_text("Being sent")
    send_now()
    state(page).to_contain_text("Redriven")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    if javascript:
        (delivery,) = queues.receive("orders")
        processor.handle(delivery)
        settlement.reconcile()
        state(page).to_contain_text("Resolved")
        expect(page.locator("#happened")).to_contain_text("processed")


def test_an_undo_that_comes_too_late_says_so(
    open_page: OpenPage, signed_in: dict[str, Any]
) -> None:
    page = open_page(letter_page(dead_letter()), java_script_enabled=False, **signed_in)
    page.get_by_role("button", name="Redrive").click()
    send_now()
    page.get_by_role("button", name="Undo the redrive").click()
    expect(page.get_by_text("cannot be undone any more")).to_be_visible()


def edit_of_two() -> Operation:
    for _ in "ab":
        dead_letter(order_created().body.replace("EUR", "XXX"))
    edit = plans.freeze(Selection(), Plan("fix", EUROS, rate=500), by="ada")
    control.start(edit, by="ada")
    runner.run(edit, seconds=9)
    return edit


@pytest.mark.siege
@BOTH
def test_an_edit_of_many_is_undone(
    open_page: OpenPage, signed_in: dict[str, Any], javascript: bool
) -> None:
    edit = edit_of_two()
    address = f"/admin/dlq_review/operation/{edit.pk}/change/"
    page = open_page(address, java_script_enabled=javascript, **signed_in)
    page.get_by_text("Undo the edit…").click()
    page.get_by_label("Reason").fill("It was dollars")
    page.get_by_role("button", name="Freeze the list and look at it").click()
    expect(page.get_by_text("2 would be as before the edit")).to_be_visible()
    page.get_by_role("button", name="Undo 2").click()
    state(page).to_contain_text("Running")
    runner.run_all(seconds=9)
    state(page).to_contain_text("Done")
    assert set(DeadLetter.objects.values_list("revision", flat=True)) == {2}


@pytest.mark.siege
@SCHEMES
def test_what_takes_back_or_overrides_is_accessible(
    open_page: OpenPage, signed_in: dict[str, Any], settings: Settings, scheme: str
) -> None:
    settings.REDRIVE_TARGETS = ["orders:signups"]
    edit = edit_of_two()
    undo = edit_undo.freeze_undo(edit, by="ada", reason="x")
    worn, other = DeadLetter.objects.order_by("pk")
    DeadLetter.objects.filter(pk=worn.pk).update(redrives=5)
    page = open_page(letter_page(worn), color_scheme=scheme, **signed_in)
    page.get_by_text("Redrive anyway…").click()
    assert_accessible(page)
    page.goto(letter_page(other))
    page.get_by_text("Redrive to…").click()
    assert_accessible(page)
    for address in ("new", f"{edit.pk}/change", f"{undo.pk}/change"):
        page.goto(f"/admin/dlq_review/operation/{address}/")
        assert_accessible(page)
