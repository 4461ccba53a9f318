"""A webhook as https://www.standardwebhooks.com describes it: one signed message for each.

The receiver recognises a message that comes twice by its webhook-id.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

from django.conf import settings

from dlq_review.alerts.channels.channel import Channel, Deliveries, Problem
from dlq_review.alerts.channels.texts import data, identity
from dlq_review.alerts.channels.urls import host_of, url_problems
from dlq_review.models import AlertDelivery
from processing.outbound import https
from processing.outbound.errors import UndeliveredError

_PREFIX = "whsec_"
_SIZES = range(24, 65)  # bytes of a secret, by the standard


def content(one: AlertDelivery) -> bytes:
    """The same bytes each time it is sent."""
    told_at = one.ended_at or one.created_at
    message = {
        "type": f"alert.{one.phase}",
        "timestamp": told_at.isoformat(),
        "data": data(one),
    }
    return json.dumps(message).encode()


def headers(identity: str, timestamp: int, body: bytes) -> dict[str, str]:
    """A signature by each secret, so that a secret can be replaced without a gap.

    Raises UndeliveredError if there is none.
    """
    signed = f"{identity}.{timestamp}.".encode() + body
    keys = [key for one in settings.ALERT_WEBHOOK_SECRETS if (key := key_of(one))]
    if not keys:
        raise UndeliveredError("ALERT_WEBHOOK_SECRETS holds no secret")
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(one).decode()}" for one in digests
        ),
    }


def key_of(secret: str) -> bytes | None:
    """The bytes of *secret*; None if it is not one."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret.startswith(_PREFIX) and len(key) in _SIZES else None


def _send(deliveries: Deliveries) -> None:
    (one,) = deliveries
    body = content(one)
    signed = headers(identity(one), int(time.time()), body)
    url, private = settings.ALERT_WEBHOOK_URL, settings.ALERT_PRIVATE_HOSTS
    https.post(url, body, signed, private)


def _problems() -> Iterator[Problem]:
    yield from url_problems("ALERT_WEBHOOK_URL", "https://example.com/holdfast")
    make = "python -c \"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\""
    secrets = settings.ALERT_WEBHOOK_SECRETS
    if not secrets:
        yield Problem(
            "ALERT_WEBHOOK_SECRETS",
            "ALERT_WEBHOOK_URL is set, and ALERT_WEBHOOK_SECRETS is not: nothing could be"
            " signed.",
            f"Make one by {make}",
        )
    for number, secret in enumerate(secrets, start=1):
        if key_of(secret) is None:
            yield Problem(
                "ALERT_WEBHOOK_SECRETS",
                f"Number {number} of ALERT_WEBHOOK_SECRETS is no secret: it begins with"
                " whsec_, and 24 to 64 bytes follow in base64.",
                f"Make one by {make}",
            )


CHANNEL = Channel(
    "webhook", "Webhook", "ALERT_WEBHOOK_URL", lambda: host_of("ALERT_WEBHOOK_URL"),
    _send, _problems,
)  # fmt: skip
