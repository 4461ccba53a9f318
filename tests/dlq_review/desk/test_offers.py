"""What each page of the desk offers to people who hold different permissions.

A button that is shown to the wrong people, or to nobody, changes the kept text.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from dlq_review.groups import triage
from dlq_review.letters import revisions, settlement
from dlq_review.models import Operation
from dlq_review.operations import control, plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.models import User
from tests.builders import dead_letter, failure, order_created, redrive_now
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import (
    GROUPS,
    LIST,
    OPERATIONS,
    POLICIES,
    html,
    page,
)
from tests.dlq_review.policies import policy
from tests.kept_texts import assert_kept

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
#: Each permission is held by others of these people than any other permission is.
HOLDERS: tuple[tuple[str, ...], ...] = (
    (),
    ("change", "redrive", "discard", "schedule"),
    ("change", "view_personal", "export", "schedule"),
    ("bulk_redrive", "discard", "export", "schedule"),
)


def pages() -> dict[str, str]:
    """Pages of every kind, by what is on them."""
    waiting = dead_letter(order_created(), attributes=failure(error_type="AError"))
    broken = dead_letter(
        order_created().body.replace("EUR", "euros"),
        attributes=failure(error_type="BError"),
    )
    edited = dead_letter(event := order_created())
    body = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(edited, body, based_on=0, by="bob", reason="x")
    often = dead_letter(order_created())
    type(often).objects.filter(pk=often.pk).update(redrives=5)
    gone, sent = dead_letter(order_created()), dead_letter(order_created())
    settlement.discard(gone, by="bob", reason="x")
    drafts = {
        kind: plans.freeze(Selection(), Plan(kind, rate=500), by="bob", reason="x")
        for kind in ("redrive", "discard")
    }
    going = plans.freeze(Selection(), Plan(rate=500), by="bob", reason="x")
    control.start(going, by="bob")
    ended = plans.freeze(Selection(), Plan("discard", rate=500), by="bob", reason="x")
    Operation.objects.filter(pk=ended.pk).update(state=Operation.State.DONE)
    redrive_now(sent, by="bob")
    triage.acknowledge(broken.group, by="bob")
    return {
        "overview": "/admin/",
        "letters": LIST,
        "letters that cannot be sent": f"{LIST}?group={broken.group_id}",
        "discarded letters": f"{LIST}?state=discarded",
        "a letter": page(waiting),
        "a letter that cannot be sent": page(broken),
        "a letter that was redriven often": page(often),
        "a discarded letter": page(gone),
        "groups": GROUPS,
        "a group": f"{GROUPS}{waiting.group_id}/change/",
        "a group of a colleague": f"{GROUPS}{broken.group_id}/change/",
        "operations": OPERATIONS,
        **{
            f"an operation to {kind}": f"{OPERATIONS}{one.pk}/change/"
            for kind, one in drafts.items()
        },
        "an operation that runs": f"{OPERATIONS}{going.pk}/change/",
        "an operation that discarded": f"{OPERATIONS}{ended.pk}/change/",
        "policies": POLICIES,
        "a policy": f"{POLICIES}{policy(owner='bob').pk}/change/",
    }


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
        found = dict.fromkeys(Offers(html(client, url)).found)
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
