"""What must be true of every page, however it is looked at."""

from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import AXE

#: What can be seen and does not fit: wider than the window, than its box, or outside.
_CUT_OFF = """() => {
  const root = document.documentElement, found = [];
  const name = (at) => at.outerHTML.slice(0, 120);
  if (root.scrollWidth > root.clientWidth) found.push(`it is ${root.scrollWidth} wide`);
  for (const at of document.querySelectorAll("body *")) {
    const box = at.getBoundingClientRect();
    if (box.width < 2 || at.matches("svg *, input, textarea, select")) continue;
    if (!at.checkVisibility({ visibilityProperty: true })) continue;
    const hides = getComputedStyle(at).overflowX !== "visible";
    if (hides && at.clientWidth > 1 && at.scrollWidth > at.clientWidth + 1)
      found.push(`${at.scrollWidth} in a box of ${at.clientWidth}: ${name(at)}`);
    if (at.matches("a, button, summary") && (box.right > innerWidth + 1 || box.left < -1))
      found.push(`outside: ${name(at)}`);
  }
  return found;
}"""


#: All that can differ from one colour scheme to another.
COLOURS = ["color-contrast", "link-in-text-block"]


def serious(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds serious or critical, by all its rules or by these."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options: dict[str, Any] = {"preload": False, "resultTypes": ["violations"]}
    if rules is not None:
        options["runOnly"] = rules
    found: dict[str, Any] = page.evaluate("options => axe.run(options)", options)
    return [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def cut_off(page: Page) -> list[str]:
    """What sticks out at a side, or can only be seen by scrolling sideways."""
    found: list[str] = page.evaluate(_CUT_OFF)
    return found


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing serious, and nothing sticks out at the side."""
    found = serious(page) + cut_off(page)
    assert not found, "\n".join([page.url, *found])
