"""Alertmanager, API v2: alerts that it groups, silences and routes itself.

It forgets an alert at its `endsAt`. That lies two reminders ahead while the alert lasts, so
a lost end does not fire for ever.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from dlq_review.alerts.channels.channel import Channel, Deliveries, Problem
from dlq_review.alerts.channels.texts import identity, link
from dlq_review.alerts.channels.urls import host_of, url_problems
from dlq_review.alerts.kinds import kind_of
from dlq_review.models import AlertDelivery
from processing.outbound import https

_REMINDERS = 2
_SHORTLY = timedelta(minutes=5)  # of what has no end, such as a test


def content(deliveries: Deliveries) -> bytes:
    return json.dumps([_alert(one) for one in deliveries]).encode()


def _alert(one: AlertDelivery) -> dict[str, Any]:
    kind = kind_of(one.kind)
    repeats = timedelta(hours=_REMINDERS * settings.ALERT_REPEAT_HOURS)
    ends_at = one.ended_at or one.created_at + (repeats if kind.ends else _SHORTLY)
    return {
        "labels": {
            "alertname": f"Holdfast{kind.title.title().replace(' ', '')}",
            "severity": kind.severity,
            "kind": one.kind,
            "alert": one.name,
            "site": urlsplit(settings.SITE_URL).hostname or "",
        },
        "annotations": {"summary": one.sentence, "id": identity(one)},
        "startsAt": one.began_at.isoformat(),
        "endsAt": ends_at.isoformat(),
        "generatorURL": link(one),
    }


def _send(deliveries: Deliveries) -> None:
    url = f"{settings.ALERT_ALERTMANAGER_URL}/api/v2/alerts"
    https.post(url, content(deliveries), {}, settings.ALERT_PRIVATE_HOSTS)


def _problems() -> Iterator[Problem]:
    example = "https://alertmanager.example.com"
    yield from url_problems("ALERT_ALERTMANAGER_URL", example)


CHANNEL = Channel(
    "alertmanager", "Alertmanager", "ALERT_ALERTMANAGER_URL",
    lambda: host_of("ALERT_ALERTMANAGER_URL"), _send, _problems, most=100, forgets=True,
)  # fmt: skip
