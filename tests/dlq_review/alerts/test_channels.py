"""Every kind of alert by every channel: what it sends, escaped and without secrets."""

import itertools
import json
import re
import smtplib
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils.dateparse import parse_datetime
from pytest_django import Settings

from dlq_review.alerts import outbox, raising
from dlq_review.alerts.channels import alertmanager, registry, slack
from dlq_review.alerts.kinds import KINDS, Kind
from dlq_review.models import AlertDelivery
from processing.outbound import topic
from processing.outbound.errors import UndeliveredError
from tests.dlq_review.alerts.receiver import Receiver
from tests.dlq_review.alerts.unsaved import AT, delivery
from tests.documents import document


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(topic, "publish", lambda *said: found.append(said))
    return found


def sent_text(
    channel: str, receiver: Receiver, published: list[Any]
) -> tuple[str, str, str]:
    """What the receiver got: the sentence, the link, the id."""
    if channel == "mail":
        body = str(mail.outbox[-1].body)
        headline, link, rest, *_ = body.split("\n")
        return headline.partition(": ")[2], link, rest.rpartition("Id: ")[2]
    if channel == "sns":
        _, _, data, about = published[-1]
        assert data["id"] == about["id"]
        return data["sentence"], data["url"], data["id"]
    told = receiver.calls[-1].json
    if channel == "slack":
        bold, second = told["text"].split("\n")
        link, _, name = second.partition("|Look at it> ")
        return bold.strip("*").partition(": ")[2], link.strip("<"), name.strip("_")
    if channel == "webhook":
        data = told["data"]
        return data["sentence"], data["url"], data["id"]
    notes = told[0]["annotations"]
    return notes["summary"], told[0]["generatorURL"], notes["id"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "channel"),
    [*itertools.product(KINDS.values(), registry.CHANNELS)],
    ids=lambda one: getattr(one, "name", one),
)
def test_each_kind_reaches_each_channel(
    every_channel: Receiver,
    published: list[Any],
    settings: Settings,
    kind: Kind,
    channel: str,
) -> None:
    raising.begin(kind, "orders", "It is so.", "/admin/x/")
    outbox.deliver(seconds=5)
    one = AlertDelivery.objects.get(channel=channel)
    assert one.state == AlertDelivery.State.SENT, one.last_error
    mine = [call for call in every_channel.calls if _channel_of(call.path) == channel]
    every_channel.calls[:] = mine
    assert sent_text(channel, every_channel, published) == (
        "It is so.",
        "https://desk.example.com/admin/x/",
        f"alert_{one.key.hex}",
    )


def _channel_of(path: str) -> str:
    paths = {"/hook": "webhook", "/api/v2/alerts": "alertmanager"}
    return paths.get(path, "slack")


def test_slack_shows_the_words_as_they_are() -> None:
    told = json.loads(slack.content([delivery(), delivery(phase="over")]))
    first, link, over, _ = told["text"].split("\n")
    assert first == '*Raised: A &lt;new&gt; &amp; "odd" kind: ünïcode.*'
    assert "/admin/?a=1&amp;b=2|Look at it>" in link
    assert over.startswith("*Over: ")
    assert told["unfurl_links"] is False


def test_alertmanager_learns_when_an_alert_ends(settings: Settings) -> None:
    settings.ALERT_REPEAT_HOURS = 12
    batch = [delivery(), delivery(phase="over"), delivery("test", "test")]
    raised, over, test = json.loads(alertmanager.content(batch))
    assert raised["labels"]["alertname"] == "HoldfastUnusualGrowth"
    assert raised["labels"]["severity"] == "critical"
    assert raised["labels"] == over["labels"]
    settings.ALERT_URGENT = []
    (calm,) = json.loads(alertmanager.content([delivery()]))
    assert calm["labels"]["severity"] == "warning"
    assert [_time(one["endsAt"]) - AT for one in (raised, over, test)] == [
        timedelta(hours=24),
        timedelta(hours=2),
        timedelta(minutes=5),
    ]
    assert {_time(one["startsAt"]) for one in (raised, over)} == {AT}


def _time(text: str) -> datetime:
    found = parse_datetime(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Plain.", "Plain."),
        ("\tTwo words. ", "?Two words."),
        (" Two words. ", "Two words."),
        ("ünïcode\r\nBcc: eve", "?n?code??Bcc: eve"),
        ("x" * 200, "x" * 99),
        (" ", "Holdfast"),
    ],
)
def test_a_subject_is_one_that_sns_takes(text: str, subject: str) -> None:
    assert topic.subject_of(text) == subject


@pytest.mark.parametrize(
    ("error", "reason", "is_refusal"),
    [
        (smtplib.SMTPDataError(550, b"no ada@example.com"), "SMTP 550", True),
        (smtplib.SMTPSenderRefused(451, b"later", "x"), "SMTP 451", False),
        (
            smtplib.SMTPRecipientsRefused({"ada@example.com": (550, b"who?")}),
            "SMTP 550 for each address",
            True,
        ),
        (smtplib.SMTPServerDisconnected(), "SMTPServerDisconnected", False),
        (TimeoutError("ada@example.com"), "TimeoutError", False),
    ],
)
def test_a_mail_that_is_not_taken_tells_no_address(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
    is_refusal: bool,
) -> None:
    def fail(*_: object) -> None:
        raise error

    settings.ALERT_EMAILS = ["ada@example.com"]
    monkeypatch.setattr("dlq_review.alerts.channels.mail.send_mail", fail)
    with pytest.raises(UndeliveredError) as found:
        registry.CHANNELS["mail"].send([delivery()])
    assert (str(found.value), found.value.is_refusal) == (reason, is_refusal)


def test_the_document_lists_every_kind_and_which_are_urgent() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|$", document("alerts.md"), re.M)
    assert dict(rows) == {
        name: "yes" if kind.is_urgent else "no"
        for name, kind in KINDS.items()
        if name != "test"
    }
