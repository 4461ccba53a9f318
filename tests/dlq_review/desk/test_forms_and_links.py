"""Every form of the desk can be sent, and every link leads somewhere."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import Resolver404, resolve, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from dlq_review.groups import merge
from dlq_review.letters import revisions, settlement
from dlq_review.models import DeadLetter, FailureGroup, Operation, RedrivePolicy
from dlq_review.redrive import undo_window
from dlq_review.redrive.terms import Redrive, Terms
from dlq_review.schedule import runs
from processing.models import User
from processing.staff import second_factor
from tests.builders import dead_letter, failure, order_created, redrive_now
from tests.dlq_review.desk_pages import (
    ALERTS,
    GROUPS,
    LIST,
    OPERATIONS,
    POLICIES,
    page,
)
from tests.dlq_review.operation_runs import started
from tests.dlq_review.policies import active, policy
from tests.dlq_review.wrong_letters import EDIT, wrong

pytestmark = pytest.mark.django_db


class Forms(HTMLParser):
    """The forms that post, each with the names of its fields; and all links."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, list[str]]] = []
        self.links: list[str] = []
        self.actions: list[str] = []
        self._open: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if "formaction" in found:
            self.actions.append(found["formaction"])
        if tag == "form":
            self._open = []
            if found.get("method", "").lower() == "post":
                self.forms.append((found.get("action", ""), self._open))
        elif self._open is not None and "name" in found:
            self._open.append(found["name"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def letters() -> Iterator[DeadLetter]:
    """One in each state, and in each that a page shows otherwise."""
    yield dead_letter()
    yield dead_letter("no event")
    edited = dead_letter(event := order_created())
    body = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(edited, body, based_on=0, by="ada", reason="x")
    yield edited
    undoable, redriven, settled, discarded, limit = (dead_letter() for _ in range(5))
    undo_window.redrive_soon(Redrive(undoable, 0), Terms("ada"))
    yield undoable
    redrive_now(redriven, by="ada")
    yield redriven
    settlement.resolve(settled, by="ada", reason="x")
    yield settled
    settlement.discard(discarded, by="ada", reason="x")
    yield discarded
    DeadLetter.objects.filter(pk=limit.pk).update(redrives=5)
    yield limit


def operations() -> Iterator[Operation]:
    for kind in Operation.Kind:
        for state in Operation.State:
            operation = started(0)
            done = {"fix": "fixed", "discard": "discarded"}.get(kind, "sent")
            operation.items.update(state=done)
            Operation.objects.filter(pk=operation.pk).update(kind=kind, state=state)
            yield operation


def policies() -> Iterator[RedrivePolicy]:
    dead_letter()
    for state in RedrivePolicy.State:
        yield policy(state=state, halted="x" if state == "stopped" else "")
    with_run = active()
    runs.begin_due()
    yield with_run


def pages() -> Iterator[str]:
    yield from (page(letter) for letter in letters())
    yield page(dead_letter(), "edit")
    other = dead_letter(attributes=failure(error_type="OSError")).group
    into = FailureGroup.objects.exclude(pk=other.pk)[0]
    yield f"{GROUPS}{other.pk}/change/"
    merge.merge(other, into, by="ada", reason="x")
    yield from (f"{GROUPS}{one.pk}/change/" for one in (other, into))
    yield f"{OPERATIONS}new/?kind=redrive"
    yield from (f"{OPERATIONS}{one.pk}/change/" for one in operations())
    yield from (f"{POLICIES}{one.pk}/change/" for one in policies())
    yield f"{POLICIES}new/?group={other.pk}"
    yield f"{OPERATIONS}{Operation.objects.exclude(policy=None)[0].pk}/change/"
    yield from ("/admin/", GROUPS, OPERATIONS, POLICIES, ALERTS)
    yield from (f"{LIST}?{query}" for query in ("", "state=all", "state=discarded"))


@pytest.fixture
def found(admin_client: Client, sqs: None, settings: Settings) -> dict[str, Forms]:
    settings.ALERT_EMAILS = ["desk@example.com"]
    settings.REDRIVE_TARGETS = ["orders:signups"]
    User.objects.update(username="ada")
    read: dict[str, Forms] = {}
    for url in pages():
        answer = admin_client.get(url)
        assert answer.status_code == 200, url
        read[url] = Forms()
        read[url].feed(answer.content.decode())
    return read


LETTER_VERBS = (
    *("redrive", "undo", "rehearse", "resolve", "discard", "restore"),
    *("reveal", "edit", "export", "body"),
)
GROUP_VERBS = (
    *("acknowledge", "resolve", "annotate", "give", "merge", "split"),
    "rehearse",
)
OPERATION_VERBS = ("new", "start", "pause", "resume", "cancel", "undo")
POLICY_VERBS = ("new", "change", "start", "pause", "resume", "end")


def test_every_form_can_be_sent_and_every_link_leads_somewhere(
    found: dict[str, Forms],
) -> None:
    addresses = set()
    for url, read in found.items():
        for action, fields in read.forms:
            assert "csrfmiddlewaretoken" in fields, (url, action)
            assert _names_what_was_seen(url, action, fields), (url, action)
        for link in (*read.links, *read.actions, *(one for one, _ in read.forms)):
            addresses.add(_name_of(link, url))
    assert {
        *(f"dlq_review_deadletter_{verb}" for verb in LETTER_VERBS),
        *(f"dlq_review_failuregroup_{verb}" for verb in GROUP_VERBS),
        *(f"dlq_review_operation_{verb}" for verb in OPERATION_VERBS),
        *(f"dlq_review_redrivepolicy_{verb}" for verb in POLICY_VERBS),
        "dlq_review_alertdelivery_test",
    } <= addresses


def _names_what_was_seen(url: str, action: str, fields: list[str]) -> bool:
    """Whether the form names the revision, or the entry of the trail, of its page."""
    verb = action.rstrip("/").rpartition("/")[2]
    if "/deadletter/" in url and verb in ("redrive", "resolve", "discard"):
        return "revision" in fields
    if "/failuregroup/" in url and verb in GROUP_VERBS[:6]:
        return "seen" in fields
    return True


def _name_of(link: str, url: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    try:
        return resolve(parts.path or urlsplit(url).path).url_name
    except Resolver404:
        pytest.fail(f"{link} on {url} leads nowhere")


#: By the address of each form, what it refuses, and how the title begins then.
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    reverse("admin:login"): ({"username": "ada"}, "Error: "),
    reverse("admin:password_change"): ({"old_password": "x"}, "Error: "),
    reverse("admin:intake_apikey_add"): ({"producer": ""}, "Error: "),
    reverse("admin:processing_staffmember_add"): ({}, "Error: "),
    f"{OPERATIONS}new/": ({"kind": "redrive"}, "Error: "),
    f"{POLICIES}new/": ({"every": "0"}, "Error: "),
    EDIT: ({"path": "/data/currency"}, "Error: "),
    "edit": ({"based_on": "0", "body": ""}, "Not saved: "),
    "second factor": ({"code": "1"}, "Error: "),
    "enrol": ({"code": "1"}, "Error: "),
}


@pytest.mark.parametrize("form", REFUSED)
def test_the_title_of_a_form_that_was_refused_begins_with_it(
    admin_client: Client, admin_user: User, settings: Settings, form: str
) -> None:
    letter = wrong()
    if form in ("second factor", "enrol"):
        settings.STAFF_SECOND_FACTOR = "required"
    if form == "second factor":
        key = second_factor.new_key()
        TOTPDevice.objects.create(user=admin_user, key=key, confirmed=True)
    named = {
        "edit": page(letter, "edit"),
        "second factor": reverse("admin:second_factor"),
        "enrol": reverse("admin:second_factor_enrol"),
    }
    url, (sent, begins) = named.get(form, form), REFUSED[form]
    client = Client() if form == reverse("admin:login") else admin_client
    title = re.compile(r"<title>\s*(.*?)</title>", re.DOTALL)
    for answer, refused in ((client.get(url), False), (client.post(url, sent), True)):
        assert answer.status_code == 200
        (told,) = title.findall(answer.content.decode())
        assert told.startswith(begins) is refused
        assert told.count("Error") == refused * (begins == "Error: ")
