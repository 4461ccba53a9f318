"""The templates as they are written, whatever fills them."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin

from dlq_review.desk import edit_many_views
from dlq_review.desk.forms import EditForm
from dlq_review.models import (
    AlertDelivery,
    DeadLetter,
    FailureGroup,
    Operation,
    RedrivePolicy,
)

ROOT = Path(settings.BASE_DIR) / "templates"
STOCK = Path(admin.__file__).parent / "templates"
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text() for path in ROOT.rglob("*.html")
}
_TAG = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
_EXTENDS = re.compile(r'{% extends "([^"]+)"')
_NEVER_CLOSED = ("input", "br", "meta", "link", "img")
STATED = (DeadLetter, FailureGroup, Operation, RedrivePolicy, AlertDelivery)


class Markup(HTMLParser):
    """The elements that are left open, and the end tags that close no open one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.left: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in _NEVER_CLOSED:
            self.left.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """It is closed at once."""

    def handle_endtag(self, tag: str) -> None:
        if self.left[-1:] == [tag]:
            self.left.pop()
        else:
            self.left.append(f"/{tag}")


@pytest.mark.parametrize("name", SOURCES)
def test_each_element_is_closed_where_it_was_opened(name: str) -> None:
    assert Markup(_TAG.sub("", SOURCES[name])).left == []


@pytest.mark.parametrize(
    "name", [one for one, source in SOURCES.items() if _EXTENDS.match(source)]
)
def test_each_block_has_a_place_in_what_is_extended(name: str) -> None:
    outermost, _ = _blocks(SOURCES[name])
    assert outermost <= _of_parents(name), "it would never be shown"


def _blocks(source: str) -> tuple[set[str], set[str]]:
    """The blocks of a template that stand in no other one, and all of them."""
    outermost, every, depth = set(), set(), 0
    for begun, name in re.findall(r"{% (end)?block ?(\w*)", source):
        depth += -1 if begun else 1
        if not begun:
            every.add(name)
            outermost |= {name} if depth == 1 else set()
    return outermost, every


def _of_parents(name: str) -> set[str]:
    """All blocks of what the template extends, which may be Django's of the same name."""
    found: set[str] = set()
    source = SOURCES[name]
    while extends := _EXTENDS.search(source):
        parent = extends[1]
        ours = parent in SOURCES and parent != name
        source = SOURCES[parent] if ours else (STOCK / parent).read_text()
        found |= _blocks(source)[1]
        name = parent
    return found


def test_each_icon_that_is_named_is_drawn() -> None:
    drawn = re.findall(r'<symbol id="i-(\w+)"', SOURCES["dlq_review/icons.html"])
    written = re.findall(r'{% icon "(\w+)"', "".join(SOURCES.values()))
    written += re.findall(r'icon_name="(\w+)"', "".join(SOURCES.values()))
    states = {state for model in STATED for state in model.State.values}
    assert {*written, *states, "again", "overdue", "mark"} == set(drawn)
    assert len(drawn) == len({*drawn})


@pytest.mark.parametrize("code", [400, 403, 404, 500, 503])
def test_the_title_of_an_error_page_is_its_heading(code: int) -> None:
    source = SOURCES[f"{code}.html"]
    (title,) = re.findall(r"{% block title %}(.+) · Holdfast{% endblock %}", source)
    assert f"<h1>{title}</h1>" in source


_INPUT = re.compile(r"<(?:input|textarea)\b(?:[^>{]|\{[{%].*?[%}]\})*>", re.DOTALL)
_EDIT: Any = EditForm.base_fields
#: What people type a text into, and how much of it their column or their view takes.
LIMITS = {
    "reason": _EDIT["reason"].max_length,
    "told": _EDIT["reason"].max_length,
    "note": FailureGroup._meta.get_field("note").max_length,
    "body": _EDIT["body"].max_length,
    "new": edit_many_views.LONGEST_NEW,
}
#: Where a step is refused without the text. Of a redrive, where it lifts a limit.
REQUIRED = {
    *(("dlq_review/_redrive.html", "reason"), ("dlq_review/_settle.html", "reason")),
    *(("dlq_review/edit.html", "reason"), ("dlq_review/edit_many.html", "reason")),
    ("dlq_review/group_take_over.html", "reason"),
    ("dlq_review/operation.html", "reason"),
}


def test_each_text_that_people_type_has_its_limit_and_says_where_it_is_required() -> (
    None
):
    typed = {
        (name, found[1]): one
        for name, source in SOURCES.items()
        for one in _INPUT.findall(source)
        if (found := re.search(r'name="(\w+)"', one)) and found[1] in LIMITS
    }
    assert len(typed) >= 12
    for (name, field), one in typed.items():
        if 'type="hidden"' not in one:
            assert f'maxlength="{LIMITS[field]}"' in one, (name, field)
    required = {place for place, one in typed.items() if " required" in one}
    assert required == REQUIRED
