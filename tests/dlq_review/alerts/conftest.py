from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.dlq_review.alerts.receiver import Receiver, receiving

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDyx5zJn5v4Dk="


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A webhook that the settings name."""
    with receiving() as found:
        settings.ALERT_WEBHOOK_URL = f"{found.url}/hook"
        settings.ALERT_WEBHOOK_SECRETS = [SECRET]
        settings.ALERT_PRIVATE_HOSTS = ["127.0.0.1"]
        yield found


@pytest.fixture
def by_mail(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]


@pytest.fixture
def every_channel(settings: Settings, receiver: Receiver) -> Receiver:
    settings.ALERT_EMAILS = ["desk@example.com"]
    settings.ALERT_TOPIC_ARN = f"arn:aws:sns:{settings.AWS_REGION}:123456789012:alerts"
    settings.ALERT_SLACK_URL = f"{receiver.url}/services/T0/B0/X"
    settings.ALERT_ALERTMANAGER_URL = receiver.url
    settings.SITE_URL = "https://desk.example.com"
    return receiver
