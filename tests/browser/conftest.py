import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Keyboard,
    Page,
    expect,
    sync_playwright,
)
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.watching import Watch

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]
expect.set_options(timeout=10_000)
AXE = Path(__file__).with_name("axe.min.js").read_text()
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = "There is no Chromium on this machine: apt-get install chromium"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, in which Django refuses the ORM.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def press_when_loaded(keyboard: Keyboard, page: Page) -> None:
    """An address changes before the page's script is there, which would miss the key."""

    def waiting(key: Callable[..., None]) -> Callable[..., None]:
        def await_page(*args: Any, **options: Any) -> None:
            page.wait_for_load_state()
            key(*args, **options)

        return await_page

    for name in ("press", "type"):
        setattr(keyboard, name, waiting(getattr(keyboard, name)))


@pytest.fixture
def open_page(sqs: None, open_live_page: OpenPage) -> OpenPage:
    """The same, with the queues on moto, in process."""
    return open_live_page


@pytest.fixture
def open_live_page(
    chromium: Browser, live_server: LiveServer, settings: Settings
) -> Iterator[OpenPage]:
    """A function that opens a path of the running site in a browser of its own.

    Whatever a page does that none may do (watching.py) fails the test at its end.
    """
    cache.clear()
    settings.DEMO = True
    contexts: list[BrowserContext] = []
    watch = Watch()

    def open_path(path: str, *, session: str = "", **options: Any) -> Page:
        context = chromium.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        watch.over(context)
        if session:
            cookie = {"name": "sessionid", "value": session, "url": live_server.url}
            context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        press_when_loaded(page.keyboard, page)
        page.goto(path)
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert not watch.seen, "\n".join(watch.seen)
