"""Every kind of alert by every channel: what it sends, signed, escaped and without secrets."""

import base64
import hashlib
import hmac
import itertools
import json
import re
import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils.dateparse import parse_datetime
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from dlq_review.alerts import outbox, raising
from dlq_review.alerts.channels import alertmanager, registry, slack, webhook
from dlq_review.alerts.channels.channel import Channel
from dlq_review.alerts.kinds import KINDS, Kind
from dlq_review.models import AlertDelivery
from processing.outbound import topic
from processing.outbound.errors import UndeliveredError
from tests.dlq_review.alerts.conftest import SECRET
from tests.dlq_review.alerts.receiver import Receiver
from tests.documents import document

AT = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
SENTENCE = 'A <new> & "odd" kind: ünïcode.'
Phase = AlertDelivery.Phase


def delivery(kind: str = "growth", phase: str = "raised", **more: Any) -> AlertDelivery:
    ended = AT + timedelta(hours=2) if phase == "over" else None
    fields: dict[str, Any] = {
        "kind": kind,
        "name": f"{kind}/orders",
        "phase": phase,
        "sentence": SENTENCE,
        "path": "/admin/?a=1&b=2",
        "began_at": AT,
        "ended_at": ended,
        "created_at": ended or AT,
        "next_try_at": AT,
        **more,
    }
    return AlertDelivery(**fields)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(topic, "publish", lambda *said: found.append(said))
    return found


@pytest.fixture
def every_channel(settings: Settings, receiver: Receiver) -> Receiver:
    settings.ALERT_EMAILS = ["desk@example.com"]
    settings.ALERT_TOPIC_ARN = f"arn:aws:sns:{settings.AWS_REGION}:123456789012:alerts"
    settings.ALERT_SLACK_URL = f"{receiver.url}/services/T0/B0/X"
    settings.ALERT_ALERTMANAGER_URL = receiver.url
    settings.SITE_URL = "https://desk.example.com"
    return receiver


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


@pytest.mark.parametrize("phase", Phase.values)
@pytest.mark.parametrize("kind", KINDS)
def test_a_webhook_is_verified_by_another_implementation(
    settings: Settings, kind: str, phase: str
) -> None:
    settings.ALERT_WEBHOOK_SECRETS = [SECRET]
    one = delivery(kind, phase)
    body = webhook.content(one)
    now = int(datetime.now(UTC).timestamp())
    headers = webhook.headers("alert_1", now, body)
    told = Webhook(SECRET).verify(body, headers)
    assert told["type"] == f"alert.{phase}"
    assert told["data"]["kind"] == kind
    assert told["data"]["ended_at"] == (one.ended_at and one.ended_at.isoformat())
    for spoiled in (body + b" ", body.replace(b"odd", b"old")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(spoiled, headers)


def test_the_signature_is_that_of_the_standard(settings: Settings) -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    name, at = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    settings.ALERT_WEBHOOK_SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    headers = webhook.headers(name, at, body)
    signed = hmac.new(key, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    known = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-signature"] == known
    assert known == f"v1,{base64.b64encode(signed).decode()}"


def test_a_secret_can_be_replaced_without_a_gap(settings: Settings) -> None:
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    settings.ALERT_WEBHOOK_SECRETS = [new, SECRET]
    body = b"{}"
    headers = webhook.headers("a", int(datetime.now(UTC).timestamp()), body)
    for secret in (new, SECRET):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize(
    ("secret", "is_one"),
    [
        (SECRET, True),
        ("whsec_" + base64.b64encode(b"k" * 24).decode(), True),
        ("whsec_" + base64.b64encode(b"k" * 23).decode(), False),
        ("whsec_" + base64.b64encode(b"k" * 65).decode(), False),
        (SECRET.removeprefix("whsec_"), False),
        ("whsec_not base64!", False),
        ("whsec_", False),
        ("", False),
    ],
)
def test_a_secret_is_known_by_its_form(secret: str, is_one: bool) -> None:
    assert (webhook.key_of(secret) is not None) is is_one


def test_what_cannot_be_signed_is_not_sent(
    receiver: Receiver, settings: Settings
) -> None:
    settings.ALERT_WEBHOOK_SECRETS = ["whsec_short"]
    with pytest.raises(UndeliveredError, match="ALERT_WEBHOOK_SECRETS") as found:
        registry.CHANNELS["webhook"].send([delivery()])
    assert not receiver.calls
    assert not found.value.is_refusal, "it waits for the secret"


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


#: A setting that is wrong, and what the sentence about it says.
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("mail", {"ALERT_EMAILS": ["a@b.org", "Ada"]}, "Number 2", "desk@example.com"),
    ("sns", {"ALERT_TOPIC_ARN": "alerts"}, "no ARN", "arn:aws:sns"),
    (
        "sns",
        {"ALERT_TOPIC_ARN": "arn:aws:sns:eu-west-3:123456789012:alerts"},
        "is in eu-west-3",
        "region of the queues",
    ),
    (
        "sns",
        {"ALERT_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts.fifo"},
        "no ARN",
        "FIFO",
    ),
    ("slack", {"ALERT_SLACK_URL": "hooks.slack.com/x"}, "begin with https", "https://"),
    ("slack", {"ALERT_SLACK_URL": "ftp://hooks/s3cret"}, "begin with https", "https"),
    (
        "slack",
        {"ALERT_SLACK_URL": "http://hooks.slack.com/s3cret"},
        "not encrypted",
        "name its host, hooks.slack.com, in ALERT_PRIVATE_HOSTS",
    ),
    ("slack", {"ALERT_SLACK_URL": "https://[::1/s3cret"}, "cannot be read", "https"),
    ("slack", {"ALERT_SLACK_URL": "https://hooks.slack.com/s3cret x"}, "blanks", ""),
    ("slack", {"ALERT_SLACK_URL": "https://a:99999/s3cret"}, "cannot be read", ""),
    ("slack", {"ALERT_SLACK_URL": r"https://slack.com\x\s3cret"}, "names no host", ""),
    ("slack", {"ALERT_SLACK_URL": "https://slack.com%2Fs3cret"}, "names no host", ""),
    ("slack", {"ALERT_SLACK_URL": "http://slack.com%2Fs3cret"}, "names no host", ""),
    ("webhook", {"ALERT_WEBHOOK_URL": "https://"}, "no host", "https://example.com"),
    (
        "webhook",
        {"ALERT_WEBHOOK_SECRETS": []},
        "nothing could be signed",
        "Make one by python -c",
    ),
    (
        "webhook",
        {"ALERT_WEBHOOK_SECRETS": [SECRET, "whsec_s3cret"]},
        "Number 2 of ALERT_WEBHOOK_SECRETS",
        "Make one by python -c",
    ),
    ("alertmanager", {"ALERT_ALERTMANAGER_URL": "http://am:9093"}, "not enc", "am"),
]


@pytest.mark.parametrize(("name", "wrong", "says", "advice"), WRONG)
def test_a_setting_that_is_wrong_is_named_with_the_way_out(
    every_channel: Receiver,
    settings: Settings,
    name: str,
    wrong: dict[str, Any],
    says: str,
    advice: str,
) -> None:
    channel: Channel = registry.CHANNELS[name]
    assert list(channel.problems()) == []
    for setting, value in wrong.items():
        setattr(settings, setting, value)
    (found,) = channel.problems()
    assert found.setting in wrong
    assert says in found.says
    assert advice in found.advice
    assert "s3cret" not in found.says + found.advice + channel.goes_to()


def test_of_a_url_the_host_is_shown_and_of_addresses_their_number(
    every_channel: Receiver, settings: Settings
) -> None:
    settings.ALERT_SLACK_URL = "https://hooks.slack.com/services/T0/B0/s3cret"
    settings.ALERT_WEBHOOK_URL = "https://ada:s3cret@example.com/s3cret?key=s3cret"
    shown = {one.name: one.goes_to() for one in registry.configured()}
    assert shown == {
        "mail": "1 address",
        "sns": "topic alerts in us-east-1",
        "slack": "hooks.slack.com",
        "webhook": "example.com",
        "alertmanager": "127.0.0.1",
    }
