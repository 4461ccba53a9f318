"""Slack: a message to an incoming webhook. Its URL is a secret, so only the host is shown."""

import json
from collections.abc import Iterator

from django.conf import settings

from dlq_review.alerts.channels.channel import Channel, Deliveries, Problem
from dlq_review.alerts.channels.texts import headline, identity, link
from dlq_review.alerts.channels.urls import host_of, url_problems
from processing.outbound import https


def content(deliveries: Deliveries) -> bytes:
    """Slack shows `text` alone. Its three special characters are escaped."""
    text = "\n".join(
        f"*{_escaped(headline(one))}*\n<{_escaped(link(one))}|Look at it> "
        f"_{identity(one)}_"
        for one in deliveries
    )
    return json.dumps({"text": text, "unfurl_links": False}).encode()


def _escaped(text: str) -> str:
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, entity)
    return text


def _send(deliveries: Deliveries) -> None:
    https.post(
        settings.ALERT_SLACK_URL, content(deliveries), {}, settings.ALERT_PRIVATE_HOSTS
    )


def _problems() -> Iterator[Problem]:
    example = "https://hooks.slack.com/services/T000/B000/XXXX"
    yield from url_problems("ALERT_SLACK_URL", example)


CHANNEL = Channel(
    "slack", "Slack", "ALERT_SLACK_URL", lambda: host_of("ALERT_SLACK_URL"), _send,
    _problems, most=20,
)  # fmt: skip
