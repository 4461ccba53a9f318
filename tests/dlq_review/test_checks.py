"""Settings of the desk that cannot work, or keep personal data too long, are named at the start."""

import pytest
from pytest_django import Settings

from dlq_review.checks import (
    alert_channels,
    alert_times,
    archive_access,
    archive_settings,
)
from processing.s3 import bucket
from processing.sqs import credentials


@pytest.fixture(autouse=True)
def _archive(settings: Settings) -> None:
    settings.ARCHIVE_BUCKET = "holdfast-archive"
    settings.ARCHIVE_BUCKET_OWNER = "123456789012"


def named() -> list[str | None]:
    return [one.id for one in archive_settings()]


def test_an_archive_as_it_should_be_is_named_by_nothing() -> None:
    assert named() == []


def test_without_a_bucket_nothing_of_it_is_looked_at(settings: Settings) -> None:
    settings.ARCHIVE_BUCKET, settings.ARCHIVE_KEY = "", "/"
    assert named() == []
    assert list(archive_access()) == []


@pytest.mark.parametrize(
    "name",
    [
        *("s3://holdfast", "arn:aws:s3:::holdfast", "holdfast/failed", "Holdfast"),
        *("ab", "a" * 64, "-ab", "ab-", "a..b", "192.168.0.1", "häuser", "ab\n"),
    ],
)
def test_a_name_that_no_bucket_has_is_named(settings: Settings, name: str) -> None:
    settings.ARCHIVE_BUCKET = name
    assert named() == ["dlq_review.E005"]


def test_a_layout_that_cannot_be_meant_is_named(settings: Settings) -> None:
    settings.ARCHIVE_KEY = "failed/{date}.json"
    (found,) = archive_settings()
    assert "one message would overwrite another" in found.msg


@pytest.mark.parametrize(
    "endpoint",
    [
        "minio:9000",
        "s3://archive",
        "ftp://minio",
        "s3.example.com",
        "https://",
        "http://[::1",
    ],
)
def test_an_endpoint_that_is_no_address_is_named(
    settings: Settings, endpoint: str
) -> None:
    settings.ARCHIVE_ENDPOINT_URL = endpoint
    assert named() == ["dlq_review.E011"]
    list(archive_access())  # looks at the same address, and names its own matters


@pytest.mark.parametrize(
    ("archive_days", "retention_days", "found"),
    [
        (90, 90, []),
        (30, 90, []),
        (91, 90, ["dlq_review.E007"]),
        (0, 90, ["dlq_review.E007"]),
        (-1, 90, ["dlq_review.E007"]),
        (-1, 0, ["dlq_review.E007"]),
        (0, 0, []),
        (400, 0, []),
    ],
)
def test_an_archive_that_keeps_personal_data_longer_is_named(
    settings: Settings, archive_days: int, retention_days: int, found: list[str]
) -> None:
    settings.ARCHIVE_DAYS, settings.RETENTION_DAYS = archive_days, retention_days
    assert named() == found


def test_an_archive_without_credentials_is_named(
    settings: Settings, no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ARCHIVE_ENDPOINT_URL = ""
    kept = credentials.Kept()
    monkeypatch.setattr(bucket, "_credentials", lambda endpoint: kept)
    try:
        (found,) = archive_access()
    finally:
        kept.close()
    assert found.id == "dlq_review.E010"


@pytest.mark.parametrize(
    ("endpoint", "owner", "found"),
    [
        ("", "123456789012", []),
        ("", "000000000000", ["dlq_review.E009"]),
        ("", "12345", ["dlq_review.E009"]),
        ("https://minio.example.com", "000000000000", []),
        ("http://minio.example.com", "000000000000", ["dlq_review.W008"]),
    ],
)
def test_an_archive_that_is_reached_wrongly_is_named(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    owner: str,
    found: list[str],
) -> None:
    settings.ARCHIVE_ENDPOINT_URL, settings.ARCHIVE_BUCKET_OWNER = endpoint, owner
    monkeypatch.setattr(bucket, "lacks_credentials", str)
    assert [one.id for one in archive_access()] == found


def test_alerts_as_they_are_by_default_are_named_by_nothing() -> None:
    assert [*alert_channels(), *alert_times()] == []


def test_a_channel_that_cannot_send_is_named_with_the_way_out(
    settings: Settings,
) -> None:
    settings.ALERT_SLACK_URL = "http://hooks.slack.com/services/s3cret"
    (found,) = alert_channels()
    assert found.id == "dlq_review.E017"
    assert "ALERT_SLACK_URL cannot be used. It is not encrypted" in found.msg
    assert "s3cret" not in f"{found.msg}{found.hint}"


@pytest.mark.parametrize(
    ("name", "value", "id"),
    [
        ("ALERT_URGENT", ["growth", "nonsense"], "E014"),
        ("ALERT_QUIET_HOURS", "22-7", "E015"),
        ("ALERT_TIME_ZONE", "Nowhere", "E015"),
        ("ALERT_REPEAT_HOURS", 0, "E016"),
        ("ALERT_REPEAT_HOURS", 10**8, "E016"),
        ("ALERT_GROWTH", 0, "E016"),
        ("ALERT_NEAR_LIMIT_HOURS", 0, "E016"),
        ("ALERT_PULL_LATE_SECONDS", -1, "E016"),
        ("ALERT_NO_WORKER_SECONDS", 0, "E016"),
        ("ALERT_UNACCOUNTED", 0, "E016"),
        ("ALERT_ARCHIVE_SECONDS", 0, "E016"),
    ],
)
def test_a_time_or_a_threshold_that_cannot_be_meant_is_named(
    settings: Settings, name: str, value: object, id: str
) -> None:
    setattr(settings, name, value)
    (found,) = alert_times()
    assert found.id == f"dlq_review.{id}"
    assert name in found.msg
