"""Every word that a receiver reads: which time is which, and which name."""

import base64
import json
import smtplib
from datetime import timedelta

import pytest
from django.core import mail
from pytest_django import Settings
from standardwebhooks import Webhook

from dlq_review.alerts import quiet_hours, raising
from dlq_review.alerts.channels import alertmanager, registry, webhook
from dlq_review.alerts.channels.texts import data, lines
from dlq_review.alerts.kinds import GROWTH
from processing.outbound.errors import UndeliveredError
from tests.dlq_review.alerts.conftest import SECRET
from tests.dlq_review.alerts.deliveries import deliver
from tests.dlq_review.alerts.receiver import Receiver
from tests.dlq_review.alerts.unsaved import AT, SENTENCE, delivery

LATER = AT + timedelta(hours=1)  # a reminder is made after the alert began


@pytest.fixture(autouse=True)
def site(settings: Settings) -> None:
    settings.SITE_URL, settings.RELEASE = "https://desk.example.com:8443", "r9"


def test_alertmanager_groups_by_labels_and_counts_from_the_beginning(
    settings: Settings,
) -> None:
    settings.ALERT_REPEAT_HOURS = 12
    one = delivery(phase="reminder", created_at=LATER)
    (told,) = json.loads(alertmanager.content([one]))
    assert told == {
        "labels": {
            "alertname": "HoldfastUnusualGrowth",
            "severity": "critical",
            "kind": "growth",
            "alert": "growth/orders",
            "site": "desk.example.com",
        },
        "annotations": {"summary": SENTENCE, "id": f"alert_{one.key.hex}"},
        "startsAt": "2026-11-27T10:00:00+00:00",
        "endsAt": "2026-11-28T11:00:00+00:00",
        "generatorURL": "https://desk.example.com:8443/admin/?a=1&b=2",
    }


@pytest.mark.parametrize(
    ("phase", "told_at"), [("reminder", LATER), ("over", AT + timedelta(hours=2))]
)
def test_a_webhook_tells_when_it_was_told_and_when_it_began(
    phase: str, told_at: object
) -> None:
    one = delivery(phase=phase, created_at=LATER)
    told = json.loads(webhook.content(one))
    assert told == {
        "type": f"alert.{phase}",
        "timestamp": str(told_at).replace(" ", "T"),
        "data": data(one),
    }
    assert told["data"] == {
        "id": f"alert_{one.key.hex}",
        "phase": phase,
        "kind": "growth",
        "alert": "growth/orders",
        "urgent": True,
        "sentence": SENTENCE,
        "url": "https://desk.example.com:8443/admin/?a=1&b=2",
        "began_at": "2026-11-27T10:00:00+00:00",
        "ended_at": "2026-11-27T12:00:00+00:00" if phase == "over" else None,
        "release": "r9",
    }
    assert data(delivery("near_limit"))["urgent"] is False


@pytest.mark.parametrize(
    ("phase", "over"), [("reminder", ""), ("over", ", over 2026-11-27 12:00 UTC")]
)
def test_people_read_when_it_began_and_ended(phase: str, over: str) -> None:
    one = delivery(phase=phase, created_at=LATER)
    headline, link, times, end = lines(one).split("\n")
    assert headline.partition(": ")[2] == SENTENCE
    assert link == "https://desk.example.com:8443/admin/?a=1&b=2"
    assert times == f"Began 2026-11-27 10:00 UTC{over}. Id: alert_{one.key.hex}"
    assert end == ""


def test_a_mail_goes_to_every_address_with_a_subject_of_one_length(
    settings: Settings,
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com", "night@example.com"]
    long = delivery(sentence="x" * 300)
    registry.CHANNELS["mail"].send([long])
    (told,) = mail.outbox
    assert told.recipients() == settings.ALERT_EMAILS
    assert told.subject == f"Holdfast: Raised: {'x' * 142}"
    assert "x" * 300 in told.body
    assert registry.CHANNELS["mail"].goes_to() == "2 addresses"


@pytest.mark.parametrize(
    ("error", "is_refusal"),
    [
        (smtplib.SMTPDataError(500, b""), True),
        (smtplib.SMTPDataError(499, b""), False),
        (smtplib.SMTPRecipientsRefused({"a": (550, b""), "b": (500, b"")}), True),
        (smtplib.SMTPRecipientsRefused({"a": (550, b""), "b": (451, b"")}), False),
        (smtplib.SMTPNotSupportedError(), False),
        (ConnectionRefusedError(), False),
    ],
)
def test_a_mail_is_refused_for_good_where_no_try_would_help(
    monkeypatch: pytest.MonkeyPatch, error: Exception, *, is_refusal: bool
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("dlq_review.alerts.channels.mail.send_mail", fail)
    with pytest.raises(UndeliveredError) as found:
        registry.CHANNELS["mail"].send([delivery()])
    assert found.value.is_refusal is is_refusal


@pytest.mark.django_db
def test_a_webhook_is_signed_at_the_time_it_is_sent(receiver: Receiver) -> None:
    raising.begin(GROWTH, "orders", "Many.")
    assert deliver() == 1
    (call,) = receiver.calls
    assert Webhook(SECRET).verify(call.body, dict(call.headers.items()))


@pytest.mark.parametrize("more", [" ", "\n", "*"])
def test_a_secret_with_a_slip_of_the_pen_is_none(more: str) -> None:
    text = base64.b64encode(b"k" * 24).decode()
    assert webhook.key_of(f"whsec_{text[:5]}{more}{text[5:]}") is None


@pytest.mark.parametrize(
    ("hours", "zone", "is_wrong"),
    [
        ("22:00 - 07:00", "UTC", False),
        ("22:00Z-07:00", "UTC", True),
        ("22:00-07:00Z", "UTC", True),
        ("", "Europe", True),
        ("", "x" * 300, True),
    ],
)
def test_hours_are_read_as_people_write_them(
    settings: Settings, hours: str, zone: str, *, is_wrong: bool
) -> None:
    settings.ALERT_QUIET_HOURS, settings.ALERT_TIME_ZONE = hours, zone
    try:
        quiet_hours.check()
    except quiet_hours.QuietHoursError:
        assert is_wrong
    else:
        assert not is_wrong
