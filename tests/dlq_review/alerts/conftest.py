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
