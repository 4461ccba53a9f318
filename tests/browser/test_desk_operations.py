"""Many dead letters at once, as staff would do it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings

from dlq_review.models import DeadLetter, FailureGroup, Operation
from processing.delivery import processor
from processing.models import Order
from tests.browser.conftest import OpenPage
from tests.browser.desk import LETTERS, go_round, group_page, session_of
from tests.builders import dead_letter, failure, order_created
from tests.live import live_system

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NO_SCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])


def a_group(*, failing: int, mended: int) -> FailureGroup:
    """Its first letters fail again when they are redriven; the others are processed."""
    for number in range(failing):
        taken = f"ORD-taken-{number}"
        processor.process(order_created(order_id=taken, customer_id="C-1"))
        dead_letter(order_created(order_id=taken), attributes=failure())
    for _ in range(mended):
        dead_letter(order_created(), attributes=failure())
    return FailureGroup.objects.get()


def plan(page: Page, **typed: str) -> None:
    page.locator(".more:not([open]) > summary").click()
    for label, value in typed.items():
        page.get_by_label(label.replace("_", " ")).fill(value)
    page.get_by_role("button", name="Freeze the list and look at it").click()


def figure(page: Page, what: str) -> str:
    return page.locator(".figures li", has_text=what).locator("b").inner_text()


def await_state(
    page: Page, state: str, meanwhile: Callable[[], None] = go_round
) -> None:
    """The page comes to say *state* by itself, while *meanwhile* works."""
    end = time.monotonic() + 60
    shown = page.locator("h1 .state", has_text=state)
    while not shown.count():
        assert time.monotonic() < end, f"{page.locator('h1').inner_text()}: not {state}"
        meanwhile()
        page.wait_for_timeout(200)


@pytest.mark.siege
@NO_SCRIPT
def test_a_group_is_redriven_with_a_canary_and_braked(
    open_page: OpenPage, javascript: bool
) -> None:
    group = a_group(failing=2, mended=4)
    page = open_page(
        group_page(group),
        session=session_of("operator"),
        java_script_enabled=javascript,
    )
    page.get_by_role("link", name="Redrive 6…").click()
    plan(page, Reason="Fixed in r2", Try_first="2", Stop_at="20")
    expect(
        page.get_by_text("6 dead letters. Nothing has been sent yet.")
    ).to_be_visible()
    newer = failure(failed_at=timezone.now().isoformat())
    dead_letter(order_created(), attributes=newer)
    page.reload()
    expect(page.get_by_text("1 newer not included")).to_be_visible()
    assert not DeadLetter.objects.filter(redrives__gt=0).exists()

    page.get_by_role("button", name="Redrive 6").click()
    expect(page.locator("h1")).to_contain_text("Running")
    await_state(page, "Paused")
    expect(page.locator(".warning")).to_contain_text("Brake: 2 of 2 failed again.")
    assert figure(page, "not yet sent") == "4"
    expect(page.get_by_role("link", name="ORD-taken-0")).to_be_visible()
    go_round()
    assert Order.objects.count() == 2

    page.get_by_role("button", name="Resume").click()
    await_state(page, "Done")
    assert figure(page, "processed") == "4"
    assert figure(page, "failed again") == "2"
    trail = page.locator(".timeline")
    for step in ("Running", "Paused", "Done"):
        expect(trail).to_contain_text(step)
    assert DeadLetter.objects.filter(state="open").count() == 3


def test_what_is_ticked_is_frozen_and_a_cancelled_operation_sends_nothing(
    open_page: OpenPage,
) -> None:
    a_group(failing=0, mended=3)
    page = open_page(LETTERS, session=session_of("operator"))
    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()
    page.get_by_role("button", name="Redrive or discard the ticked…").click()
    expect(page.get_by_text("2 dead letters you ticked")).to_be_visible()
    plan(page, Reason="To be safe")
    page.get_by_role("button", name="Redrive 2").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("h1")).to_contain_text("Paused")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1")).to_contain_text("Cancelled")
    go_round()
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"open"}


@pytest.mark.siege
def test_many_are_edited_alike_after_a_look_at_what_would_change(
    open_page: OpenPage,
) -> None:
    for _ in range(3):
        wrong = order_created().body.replace("EUR", "euros")
        letter = dead_letter(wrong, attributes=failure())
    page = open_page(group_page(letter.group), session=session_of("operator"))
    page.get_by_role("link", name="Edit 3…").click()
    page.get_by_label("New value for euros").select_option("EUR")
    page.get_by_label("and redrive what becomes valid").uncheck()
    page.get_by_label("Reason").fill("The sender is told")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("3 would change and be valid")).to_be_visible()
    expect(page.locator(".diff .add").first).to_contain_text('"EUR"')
    assert "ada@example.com" not in page.content()
    page.get_by_role("button", name="Edit 3").click()
    await_state(page, "Done")
    assert figure(page, "edited") == "3"
    assert DeadLetter.objects.exclude(body_fingerprint="").count() == 3


def test_a_viewer_sees_an_operation_and_cannot_steer_it(open_page: OpenPage) -> None:
    group = a_group(failing=0, mended=1)
    page = open_page(group_page(group), session=session_of("operator"))
    page.get_by_role("link", name="Redrive 1…").click()
    plan(page, Reason="Fixed in r2")
    viewer = open_page(page.url, session=session_of("viewer", "eve"))
    for name in ("Redrive 1", "Cancel"):
        expect(viewer.get_by_role("button", name=name)).to_be_disabled()
    expect(viewer.get_by_text("You do not have the permission")).to_be_visible()
    token = viewer.locator("[name=csrfmiddlewaretoken]").first.input_value()
    for verb in ("start", "cancel"):
        answer = viewer.request.post(
            viewer.url.replace("change", verb), form={"csrfmiddlewaretoken": token}
        )
        assert answer.status == 403
    assert Operation.objects.get().state == "draft"


@pytest.mark.worker
@pytest.mark.siege
def test_with_a_real_worker_an_operation_is_watched_from_start_to_end(
    open_live_page: OpenPage, settings: Settings, tmp_path: Path
) -> None:
    with live_system(tmp_path, settings) as system:
        system.start_worker()
        system.start_beat()
        group = a_group(failing=2, mended=10)
        page = open_live_page(group_page(group), session=session_of("operator"))
        page.get_by_role("link", name="Redrive 12…").click()
        plan(page, Reason="Fixed in r2", Try_first="2")
        page.get_by_role("button", name="Redrive 12").click()
        await_state(page, "Paused", meanwhile=lambda: None)
        page.get_by_role("button", name="Resume").click()
        await_state(page, "Done", meanwhile=lambda: None)
        assert figure(page, "processed") == "10"
        assert figure(page, "failed again") == "2"
        page.goto("/admin/")
        expect(page.locator(".warning")).to_have_count(0)
