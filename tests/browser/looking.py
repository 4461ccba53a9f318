"""What must be true of every page, however it is looked at."""

from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import AXE


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing serious, and nothing sticks out at the side."""
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("axe.run()")
    serious = [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert not serious, "\n".join(serious)
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), page.url
