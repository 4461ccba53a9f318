"""The second factor as a person meets it: by eye, by keyboard, and without JavaScript."""

import re
import time
from base64 import b32decode

import pytest
from django.core.cache import cache
from django.test import override_settings
from django_otp.oath import TOTP
from playwright.sync_api import Page, expect
from pytest_django import Settings

from processing.models import User
from tests.browser.conftest import OpenPage
from tests.browser.desk import LETTERS
from tests.browser.looking import COLOURS, cut_off, serious

pytestmark = [
    pytest.mark.browser,
    pytest.mark.siege,
    pytest.mark.django_db(transaction=True),
]
WORD = "a long one, 47 horses"
WIDTHS = (1240, 640, 390, 320)


@pytest.fixture(autouse=True)
def _ada(settings: Settings) -> None:
    cache.clear()
    settings.STAFF_SECOND_FACTOR = "required"
    settings.AXES_ENABLED = True
    ada = User(username="ada", is_staff=True, is_superuser=True)
    ada.set_password(WORD)
    ada.save()


def log_in(page: Page) -> None:
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(WORD)
    page.keyboard.press("Enter")
    page.wait_for_load_state()


def code(letters: str, *, after: float = 0) -> str:
    totp = TOTP(b32decode(letters.replace(" ", "")))
    totp.time = time.time() + after
    return f"{totp.token():06}"


def findings(page: Page) -> list[str]:
    found = serious(page) + cut_off(page)
    page.emulate_media(color_scheme="dark")
    found += serious(page, COLOURS)
    page.emulate_media(color_scheme="light")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"at {width}: {one}" for one in cut_off(page)]
    page.set_viewport_size({"width": 1240, "height": 800})
    return [f"{page.url}: {one}" for one in found]


@pytest.mark.parametrize("javascript", [True, False])
def test_an_app_is_set_up_and_asked_for_at_the_next_login(
    open_page: OpenPage, javascript: bool
) -> None:
    page = open_page(LETTERS, java_script_enabled=javascript, reduced_motion="reduce")
    look = findings if javascript else lambda page: []
    found = look(page)
    log_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Set up your second factor"
    )
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    found += look(page)
    letters = page.locator("code").first.inner_text()
    page.get_by_role("textbox", name="Code").fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This code is not right")).to_be_visible()
    found += look(page)
    page.get_by_role("textbox", name="Code").fill(code(letters))
    page.keyboard.press("Enter")
    expect(page.get_by_role("listitem")).to_have_count(10)
    found += look(page)
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(re.compile(f"{LETTERS}$"))
    page.get_by_role("link", name="Second factor").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your second factor")
    found += look(page)
    page.get_by_role("button", name="Log out").click()

    page.goto(LETTERS)
    log_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter your code")
    found += look(page)
    page.get_by_role("textbox", name="Code").fill(code(letters, after=30))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{LETTERS}$"))
    assert not found, "\n".join(found)


def test_who_tries_too_often_is_told_when_to_come_back(open_page: OpenPage) -> None:
    page = open_page(LETTERS, reduced_motion="reduce")
    with override_settings(AXES_FAILURE_LIMIT=1):
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Too many wrong passwords"
        )
        assert not findings(page)
