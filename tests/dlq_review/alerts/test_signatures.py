"""A webhook is signed as the standard says."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from dlq_review.alerts.channels import registry, webhook
from dlq_review.alerts.kinds import KINDS
from dlq_review.models import AlertDelivery
from processing.outbound.errors import UndeliveredError
from tests.dlq_review.alerts.conftest import SECRET
from tests.dlq_review.alerts.receiver import Receiver
from tests.dlq_review.alerts.unsaved import delivery

Phase = AlertDelivery.Phase


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
        ("whsec_" + base64.b64encode(b"k" * 64).decode(), True),
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
