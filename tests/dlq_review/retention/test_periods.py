"""A retention that is too short to be safe is refused at start."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from dlq_review import checks
from dlq_review.retention import periods
from processing.sqs.topology import DAY, QUEUES


def refused(settings: Settings, **days: int) -> list[str]:
    for name, value in days.items():
        setattr(settings, name, value)
    return [str(error.msg) for error in checks.retention_settings()]


def test_the_defaults_are_safe(settings: Settings) -> None:
    assert refused(settings) == []


@pytest.mark.parametrize(
    ("setting", "least"),
    [("RETENTION_DAYS", 1), ("HISTORY_DAYS", 20), ("UNVERIFIED_DAYS", 21)],
)
def test_the_least_is_taken_and_a_day_less_is_refused(
    setting: str, least: int, settings: Settings
) -> None:
    settings.RETENTION_DAYS = 1
    assert refused(settings, **{setting: least}) == []
    if least > 1:
        (said,) = refused(settings, **{setting: least - 1})
        assert said.startswith(
            f"{setting} is {least - 1}, and the least is {least}, because"
        )
    assert refused(settings, **{setting: -5})


def test_an_outcome_outlives_the_longest_life_of_a_copy(settings: Settings) -> None:
    longest = max(one.retention + one.dlq_retention for one in QUEUES.values())
    settings.REDRIVE_OVERDUE_SECONDS = 9 * DAY
    assert periods.HISTORY.least() > timedelta(seconds=longest + 9 * DAY)
    assert refused(settings, HISTORY_DAYS=27, RETENTION_DAYS=1)


def test_0_keeps_all_of_a_kind_and_history_outlives_the_texts(
    settings: Settings,
) -> None:
    assert refused(settings, HISTORY_DAYS=0, UNVERIFIED_DAYS=0) == []
    assert refused(settings, RETENTION_DAYS=0) == []
    (said,) = refused(settings, HISTORY_DAYS=89, RETENTION_DAYS=90)
    assert "before RETENTION_DAYS" in said
    assert refused(settings, HISTORY_DAYS=400, RETENTION_DAYS=0)


@pytest.mark.parametrize("setting", [one.setting for one in periods.OF_DAYS])
def test_more_days_than_a_calendar_has_are_refused(
    setting: str, settings: Settings
) -> None:
    settings.RETENTION_DAYS = 1
    settings.HISTORY_DAYS = 0
    assert refused(settings, **{setting: periods.LONGEST}) == []
    for days in (periods.LONGEST + 1, 999_999, 10**12):
        said = refused(settings, **{setting: days})
        assert f"{setting} is {days}, and the most is 36500." in said
