"""Alerts about what ought to run, and about what is missing."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.models import AlertDelivery, Arrival, LifeSign, Report
from dlq_review.monitoring import health, machinery_alerts
from tests.builders import dead_letter

pytestmark = pytest.mark.django_db
Figures = dict[str, list[Any]]


@pytest.fixture(autouse=True)
def somebody(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["staff@example.com"]


def phases(kind: str) -> list[str]:
    found = AlertDelivery.objects.filter(kind=kind).order_by("pk")
    return list(found.values_list("phase", flat=True))


def sentence(kind: str) -> str:
    return AlertDelivery.objects.filter(kind=kind).latest("pk").sentence


def pulled(**ago: float) -> None:
    at = timezone.now() - timedelta(**ago)
    LifeSign.objects.update_or_create(name="pull", defaults={"at": at})


def reported(figures: Figures, age: timedelta = timedelta(0)) -> None:
    Report.objects.update_or_create(
        pk=Report.ONLY,
        defaults={
            "at": timezone.now() - age,
            "figures": {f"holdfast_{name}": rows for name, rows in figures.items()},
        },
    )


@pytest.mark.parametrize(
    ("seconds", "every", "ago", "late"),
    [
        (300, 30.0, 299, False),
        (300, 30.0, 301, True),
        (60, 30.0, 149, False),
        (60, 30.0, 151, True),
    ],
)
def test_a_pull_is_late_after_the_setting_and_five_pulls(
    settings: Settings, seconds: int, every: float, ago: int, late: bool
) -> None:
    settings.ALERT_PULL_LATE_SECONDS = seconds
    settings.CELERY_BEAT_SCHEDULE["pull"]["schedule"] = every
    pulled(seconds=ago)
    assert machinery_alerts.keep_puller() is late
    assert phases("puller_late") == ["raised"] * late


def test_the_next_pull_ends_the_alert_about_the_pull(sqs: None) -> None:
    pulled(minutes=20)
    machinery_alerts.keep_puller()
    assert "for 20 min." in sentence("puller_late")
    tasks.pull()
    assert phases("puller_late") == ["raised", "over"]


@pytest.mark.parametrize(
    ("name", "ago", "late"),
    [
        ("pull", timedelta(seconds=149), False),
        ("pull", timedelta(seconds=151), True),
        # Beat wakes these each half hour, and a job takes its time to come.
        *((name, timedelta(minutes=35), False) for name in ("settle", "archive")),
        *((name, timedelta(minutes=61), True) for name in ("settle", "archive")),
    ],
)
def test_a_part_that_had_nothing_to_do_is_not_taken_for_one_that_stands_still(
    settings: Settings, name: str, ago: timedelta, late: bool
) -> None:
    settings.ARCHIVE_BUCKET = "archive"
    settings.CELERY_BEAT_SCHEDULE["pull"]["schedule"] = 30.0
    for other in ("pull", "settle", "archive"):
        at = timezone.now() - (ago if other == name else timedelta(0))
        LifeSign.objects.create(name=other, at=at)
    warned = [one for one in health.warnings() if one.startswith("No worker has")]
    assert len(warned) == late


@pytest.mark.parametrize(
    ("waiting", "held", "oldest", "told"),
    [(5, 0, 301, True), (5, 0, 299, False), (5, 1, 900, False), (0, 0, 900, False)],
)
def test_a_queue_that_nobody_works_on_is_told_of(
    waiting: int, held: int, oldest: int, told: bool
) -> None:
    pulled(seconds=1)
    figures: Figures = {
        "queue_messages": [[["orders"], waiting]],
        "queue_in_flight": [[["orders"], held]],
        "queue_oldest_seconds": [[["orders"], oldest]],
    }
    reported(figures)
    machinery_alerts.look()
    machinery_alerts.look()
    assert phases("no_worker") == ["raised"] * told
    if told:
        assert sentence("no_worker").startswith("5 messages wait on orders, the oldest")
        reported({**figures, "queue_in_flight": [[["orders"], 2]]})
        machinery_alerts.look()
        assert phases("no_worker") == ["raised", "over"]


def test_an_old_report_neither_raises_nor_ends_an_alert() -> None:
    pulled(seconds=1)
    reported({"unaccounted": [[["overdue"], 2]]})
    machinery_alerts.look()
    reported({"unaccounted": [[["overdue"], 0]]}, timedelta(minutes=11))
    machinery_alerts.look()
    assert phases("unaccounted") == ["raised"]


@pytest.mark.parametrize(("least", "told"), [(1, True), (2, True), (3, False)])
def test_requests_that_are_unaccounted_for_are_told_of(
    settings: Settings, least: int, told: bool
) -> None:
    settings.ALERT_UNACCOUNTED = least
    pulled(seconds=1)
    reported({"unaccounted": [[["overdue"], 2], [["spooled"], 0]]})
    machinery_alerts.look()
    assert phases("unaccounted") == ["raised"] * told
    if told:
        assert sentence("unaccounted").startswith(
            "2 requests are unaccounted for: redriven, and without an outcome"
        )
        reported({"unaccounted": [[["overdue"], 0]]})
        machinery_alerts.look()
        assert phases("unaccounted") == ["raised", "over"]


@pytest.mark.parametrize(("minutes", "told"), [(14, False), (16, True)])
def test_an_archive_that_is_behind_is_told_of(
    settings: Settings, minutes: int, told: bool
) -> None:
    pulled(seconds=1)
    dead_letter()
    then = timezone.now() - timedelta(minutes=minutes)
    Arrival.objects.update(pulled_at=then)
    dead_letter()  # as it comes in, and no reason to be quiet about the other
    machinery_alerts.look()
    assert phases("archive_behind") == [], "there is no archive"
    settings.ARCHIVE_BUCKET = "archive"
    machinery_alerts.look()
    assert phases("archive_behind") == ["raised"] * told
    Arrival.objects.update(archived_at=timezone.now())
    machinery_alerts.look()
    assert phases("archive_behind") == ["raised", "over"] * told
