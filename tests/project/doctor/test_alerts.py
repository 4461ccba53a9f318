"""The doctor and the channels of alerts."""

import socket
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import outbox
from dlq_review.models import LifeSign
from project.doctor import alerts_check
from project.doctor.findings import State
from tests.outages import no_answer
from tests.project.doctor.held import SECRET, held

pytestmark = pytest.mark.django_db


@pytest.fixture
def slack(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Slack, and the address of its host as the network tells it."""
    settings.ALERT_SLACK_URL = f"https://hooks.slack.com/services/{SECRET}"
    found = {"address": "1.1.1.1"}

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        if not found["address"]:
            raise socket.gaierror
        return [(socket.AF_INET, 1, 6, "", (found["address"], port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return found


def test_without_a_channel_nobody_is_told() -> None:
    (found,) = alerts_check.alerts(None)
    held(found, State.WARN, "nobody is told", "docs/alerts.md")


def test_a_channel_that_works_is_named_by_its_host(slack: dict[str, str]) -> None:
    (found,) = alerts_check.alerts(None)
    held(found, State.OK, "Alerts go by Slack to hooks.slack.com.")


@pytest.mark.parametrize(
    ("address", "says"), [("10.0.0.1", "not public"), ("", "not known")]
)
def test_a_host_that_may_not_be_reached_is_named(
    slack: dict[str, str], address: str, says: str
) -> None:
    slack["address"] = address
    (found,) = alerts_check.alerts(None)
    held(found, State.FAIL, says, "ALERT_PRIVATE_HOSTS")


def test_a_private_host_that_is_allowed_is_no_trouble(
    slack: dict[str, str], settings: Settings
) -> None:
    slack["address"] = "10.0.0.1"
    settings.ALERT_PRIVATE_HOSTS = ["hooks.slack.com"]
    (found,) = alerts_check.alerts(None)
    held(found, State.OK, "Alerts go by Slack to hooks.slack.com.")


def test_a_setting_that_cannot_be_used_is_named(settings: Settings) -> None:
    settings.ALERT_SLACK_URL = f"http://hooks.slack.com/{SECRET}"
    (found,) = alerts_check.alerts(None)
    held(found, State.FAIL, "ALERT_SLACK_URL cannot be used", "`settings`")


def test_a_channel_that_took_nothing_of_late_is_named(slack: dict[str, str]) -> None:
    trouble = "Slack takes no alerts (HTTP 404 no_service)."
    LifeSign.objects.create(name="alerts by slack", at=timezone.now(), trouble=trouble)
    (found,) = alerts_check.alerts(None)
    held(found, State.WARN, trouble, "Send a test")


def test_a_database_that_hangs_does_not_hide_where_alerts_go(
    slack: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "trouble_of", no_answer)
    (found,) = alerts_check.alerts(None)
    held(found, State.OK, "Alerts go by Slack to hooks.slack.com.")
