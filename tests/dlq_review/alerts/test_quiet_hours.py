"""When what is not urgent is told."""

from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from dlq_review.alerts import quiet_hours


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "told"),
    [
        ("", "UTC", "27T23:00", "27T23:00"),
        ("22:00-07:00", "UTC", "27T21:59", "27T21:59"),
        ("22:00-07:00", "UTC", "27T22:00", "28T07:00"),
        ("22:00-07:00", "UTC", "28T06:59", "28T07:00"),
        ("22:00-07:00", "UTC", "28T07:00", "28T07:00"),
        ("12:00-13:30", "UTC", "27T12:15", "27T13:30"),
        ("12:00-13:30", "UTC", "27T13:30", "27T13:30"),
        ("22:00-07:00", "Europe/Berlin", "27T21:30", "28T06:00"),
        ("22:00-07:00", "America/New_York", "27T23:00", "27T23:00"),
        ("nonsense", "UTC", "27T23:00", "27T23:00"),
        ("22:00-07:00", "Nowhere/Else", "27T23:00", "27T23:00"),
    ],
)
def test_the_quiet_hours_end(
    settings: Settings, hours: str, zone: str, now: str, told: str
) -> None:
    settings.ALERT_QUIET_HOURS, settings.ALERT_TIME_ZONE = hours, zone
    assert quiet_hours.quiet_until(at(now)) == at(told)


@pytest.mark.parametrize(
    ("hours", "zone", "is_wrong"),
    [
        ("", "UTC", False),
        ("22:00-07:00", "Europe/Berlin", False),
        ("22-7", "UTC", True),
        ("22:00", "UTC", True),
        ("25:00-07:00", "UTC", True),
        ("07:00-07:00", "UTC", True),
        ("22:00-07:00", "Nowhere", True),
        ("22:00-07:00", "../../etc/passwd", True),
        ("", "", True),
    ],
)
def test_hours_that_cannot_be_read_are_named(
    settings: Settings, hours: str, zone: str, is_wrong: bool
) -> None:
    settings.ALERT_QUIET_HOURS, settings.ALERT_TIME_ZONE = hours, zone
    if is_wrong:
        with pytest.raises(quiet_hours.QuietHoursError):
            quiet_hours.check()
    else:
        quiet_hours.check()
