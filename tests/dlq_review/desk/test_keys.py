"""Every key of the desk stands in its help and in its document."""

import html
import re
from pathlib import Path

SCRIPT = Path("static/dlq_review/triage.js").read_text()
HELP = html.unescape(Path("templates/admin/base_site.html").read_text())
DOCUMENT = Path("docs/desk.md").read_text().partition("\n## ")[0]
MENU = Path("templates/dlq_review/_menu.html").read_text()


def keys() -> set[str]:
    table = SCRIPT[SCRIPT.index("const keys = {") : SCRIPT.index("Escape: close")]
    found = re.findall(r'^    "?([^\s":]+)"?: \(\) =>', table, re.MULTILINE)
    return {*found, "Esc"}


def test_every_key_is_explained() -> None:
    assert {"j", "x", "R", "g", "[", "?", "Enter"} <= keys()
    for text in (HELP, DOCUMENT):
        assert {one for one in keys() if f"<kbd>{one}</kbd>" not in text} == set()


def test_every_place_to_go_is_explained() -> None:
    places = {*re.findall(r'data-go="(\w)"', MENU), "f"}
    assert places == {"h", "g", "d", "o", "a", "f"}
    for text in (HELP, DOCUMENT):
        for place in places:
            assert f"<kbd>g</kbd> <kbd>{place}</kbd>" in text
