"""SNS: a message to the topic ALERT_TOPIC_ARN, as text for people and JSON for programs."""

import re
from collections.abc import Iterator

from django.conf import settings

from dlq_review.alerts.channels.channel import Channel, Deliveries, Problem
from dlq_review.alerts.channels.texts import data, headline, identity, lines
from processing.outbound import topic

_ARN = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:([A-Za-z0-9_-]{1,256})")


def _send(deliveries: Deliveries) -> None:
    (one,) = deliveries
    about = {"id": identity(one), "kind": one.kind, "phase": one.phase}
    topic.publish(f"Holdfast: {headline(one)}", lines(one), data(one), about)


def _problems() -> Iterator[Problem]:
    found = _ARN.fullmatch(settings.ALERT_TOPIC_ARN)
    if found is None:
        yield Problem(
            "ALERT_TOPIC_ARN",
            f"ALERT_TOPIC_ARN is {settings.ALERT_TOPIC_ARN!r}, which is no ARN of a topic.",
            "Copy it from the stack of infra/, as in"
            " arn:aws:sns:eu-central-1:123456789012:holdfast-alerts. A FIFO topic is not"
            " supported.",
        )
    elif found[1] != settings.AWS_REGION:
        yield Problem(
            "ALERT_TOPIC_ARN",
            f"ALERT_TOPIC_ARN is in {found[1]}, AWS_REGION is {settings.AWS_REGION}.",
            "Use a topic in the region of the queues.",
        )


def _goes_to() -> str:
    found = _ARN.fullmatch(settings.ALERT_TOPIC_ARN)
    return f"topic {found[2]} in {found[1]}" if found else "?"


CHANNEL = Channel("sns", "SNS", "ALERT_TOPIC_ARN", _goes_to, _send, _problems)
