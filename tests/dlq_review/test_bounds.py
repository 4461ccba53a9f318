"""The least and the most that a setting of the desk may be."""

import pytest
from pytest_django import Settings

from dlq_review import checks

TIMES = (
    *("ALERT_REPEAT_HOURS", "ALERT_GROWTH", "ALERT_NEAR_LIMIT_HOURS"),
    *("ALERT_PULL_LATE_SECONDS", "ALERT_NO_WORKER_SECONDS"),
    *("ALERT_UNACCOUNTED", "ALERT_ARCHIVE_SECONDS"),
)


@pytest.mark.parametrize("name", TIMES)
def test_the_least_and_the_most_are_taken_and_one_beyond_is_named(
    settings: Settings, name: str
) -> None:
    for value, wrong in ((1, 0), (10_000_000, 0), (0, 1), (10_000_001, 1)):
        setattr(settings, name, value)
        assert len(list(checks.alert_times())) == wrong


@pytest.mark.parametrize(
    ("pairs", "wrong"),
    [
        ([], []),
        (["orders:signups"], []),
        (["orders:orders", "orders"], ["orders:orders", "orders"]),
        (["orders:signups:emails"], ["orders:signups:emails"]),
        (["orders:jobs", "jobs:orders"], ["orders:jobs", "jobs:orders"]),
        (["orders:signups", "orders:x"], ["orders:x"]),
    ],
)
def test_each_pair_of_other_queues_names_two_event_queues(
    settings: Settings, pairs: list[str], wrong: list[str]
) -> None:
    settings.REDRIVE_TARGETS = pairs
    named = [one.msg for one in checks.redrive_settings()]
    assert named == [f"REDRIVE_TARGETS names {pair!r}." for pair in wrong]


def test_rows_may_be_kept_as_long_as_their_texts(settings: Settings) -> None:
    settings.HISTORY_DAYS = settings.RETENTION_DAYS = 90
    assert list(checks.retention_settings()) == []
