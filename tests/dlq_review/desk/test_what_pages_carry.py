"""Where the forms and the links of each page lead, and what they bring along.

A number that a page has seen, a list that one came from, a token: who leaves one out changes
the kept text.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from django.test import Client

from processing.models import User
from tests.dlq_review.desk.every_page import pages
from tests.dlq_review.desk_pages import html
from tests.kept_texts import assert_kept

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
#: What is another in each run or database, and how it stands in the kept text.
_VARIES = [
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "(id)"),
    (r"ORD-[0-9a-f]{8}", "ORD-(id)"),
    (r"\d{4}-\d\d-\d\dT[\w.:+%]+", "(time)"),
    (r"(?<=/)\d+(?=/)", "(number)"),
    (r"\b(group|operation|letter|seen)(=|%3D)\d+", r"\1\2(number)"),
]


class Carried(HTMLParser):
    """The forms with their hidden fields, and the links that bring something along."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._form = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = f"{given.get('method', 'get')} {given.get('action', '')}"
        elif tag == "input" and given.get("type") == "hidden":
            is_token = given["name"] == "csrfmiddlewaretoken"
            value = "(token)" if is_token else f"={given.get('value', '')}"
            self._form += f" {'' if is_token else given['name']}{value}"
        elif tag == "button" and "formaction" in given:
            self._form += f" or {given['formaction']}"
        elif tag == "a" and "?" in given.get("href", ""):
            self.found.append(f"link {_told(given['href'])}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.found.append(self._form)


def _told(href: str) -> str:
    """The filters beside a list by their names: their values are those of all letters."""
    if not href.startswith("?"):
        return href
    return "?" + " and ".join(name for name, _ in parse_qsl(href[1:]))


def varied(text: str) -> str:
    for varying, plain in _VARIES:
        text = re.sub(varying, plain, text)
    return text


def carried(client: Client, urls: dict[str, str]) -> Iterator[str]:
    for name, url in urls.items():
        yield f"{name}:"
        found = {varied(one) for one in Carried(html(client, url)).found}
        yield from (f"  {one}" for one in sorted(found))


def test_forms_and_links_bring_along_what_they_are_meant_to(
    admin_client: Client,
) -> None:
    User.objects.create(username="bob", is_staff=True, is_superuser=True)
    text = "\n".join(carried(admin_client, pages())) + "\n"
    assert_kept(text, Path(__file__).with_name("carried.txt"))
