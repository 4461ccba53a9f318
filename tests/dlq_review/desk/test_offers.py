"""What each page of the desk offers to people who hold different permissions.

A button that is shown to the wrong people, or to nobody, changes the kept text.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from processing.models import User
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk.every_page import pages
from tests.kept_texts import assert_kept

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
#: Each permission is held by others of these people than any other permission is.
HOLDERS: tuple[tuple[str, ...], ...] = (
    (),
    ("change", "redrive", "discard", "schedule"),
    ("change", "view_personal", "export", "schedule"),
    ("bulk_redrive", "discard", "export", "schedule"),
)


class Offers(HTMLParser):
    """The buttons and the links of buttons in the content of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._label: list[str] | None = None
        self._is_off = self._all_off = False
        self.feed(text[text.index('id="content"') :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_button = tag == "button" or "button" in (given.get("class") or "")
        if is_button and tag in ("a", "button", "summary"):
            self._label, self._is_off = [], self._all_off or "disabled" in given
        if tag == "fieldset":
            self._all_off = "disabled" in given

    def handle_data(self, data: str) -> None:
        if self._label is not None:
            self._label.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "fieldset":
            self._all_off = False
        if self._label is None or tag not in ("a", "button", "summary"):
            return
        label = re.sub(r"\d+", "0", " ".join(" ".join(self._label).split()))
        self.found.append(f"{label} (off)" if self._is_off else label)
        self._label = None


def offers(client: Client, urls: dict[str, str]) -> Iterator[str]:
    for name, url in urls.items():
        answer = client.get(url)
        if answer.status_code == HTTPStatus.FORBIDDEN:
            yield f"  {name}: no page"
            continue
        found = dict.fromkeys(Offers(answer.content.decode()).found)
        yield f"  {name}: {', '.join(found) or 'nothing'}"


def test_each_page_offers_what_its_reader_may_do(client_of: ClientOf) -> None:
    User.objects.create(username="bob", is_staff=True, is_superuser=True)
    urls, lines = pages(), []
    for number, codenames in enumerate(HOLDERS):
        client = client_of("view", *codenames, name=f"reader.{number}")
        user = User.objects.get(username=f"reader.{number}")
        if "schedule" in codenames:
            name = "schedule_redrivepolicy"
            user.user_permissions.add(Permission.objects.get(codename=name))
        lines += [f"With {codenames}:", *offers(client, urls)]
    assert_kept("\n".join(lines), Path(__file__).with_name("offers.txt"))
