"""Alerts that come before the harm."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.models import DeadLetter, FailureCount, RaisedAlert, UntoldAlert
from dlq_review.monitoring import early_warnings
from dlq_review.pull import puller
from processing.sqs import queues
from processing.sqs.topology import QUEUES
from tests.builders import dead_letter, dead_message, order_created

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somebody(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["staff@example.com"]


def sentences() -> list[str]:
    untold = UntoldAlert.objects.exclude(name="new_failure")
    return list(untold.values_list("sentence", flat=True))


def test_a_message_that_sqs_is_about_to_drop_is_told_of() -> None:
    sent = timezone.now() - timedelta(seconds=QUEUES["orders"].dlq_retention - 7300)
    early_warnings.warn_of_loss([dead_message(order_created(), sent_at=sent)] * 2)
    (sentence,) = sentences()
    assert sentence.startswith("orders-dlq held a message that SQS drops in 2 h.")


def test_the_puller_looks_at_what_it_receives(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.client().send_message(QueueUrl=queues.url("orders-dlq"), MessageBody="{}")
    monkeypatch.setattr(early_warnings, "NEAR", timedelta(days=15))
    puller.pull()
    assert RaisedAlert.objects.filter(name="loss/orders-dlq").exists()


def test_letters_near_their_limit_are_told_of_once_a_day() -> None:
    dead_letter()
    dead_letter()
    dead_letter()
    early_warnings.look_ahead()
    assert sentences() == []
    soon = timezone.now() + timedelta(hours=3)
    DeadLetter.objects.exclude(pk=dead_letter().pk).update(expires_at=soon)
    early_warnings.look_ahead()
    early_warnings.look_ahead()
    (sentence,) = sentences()
    assert sentence.startswith("3 dead letters of orders have waited nearly as long")
    RaisedAlert.objects.update(at=timezone.now() - timedelta(days=2))
    early_warnings.look_ahead()
    assert len(sentences()) == 2


@pytest.mark.parametrize("ago", [0, 1])
@pytest.mark.parametrize(("before", "alerts"), [(1, 1), (49, 1), (50, 0), (200, 0)])
def test_failures_that_grow_unusually_are_told_of(
    before: int, alerts: int, ago: int
) -> None:
    group = dead_letter().group
    this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    FailureCount.objects.all().delete()
    grown = this_hour - timedelta(hours=ago)
    FailureCount.objects.create(group=group, hour=grown, arrivals=150)
    for hours in range(2, 25):
        hour = this_hour - timedelta(hours=hours)
        FailureCount.objects.create(group=group, hour=hour, arrivals=before)
    early_warnings.look_ahead()
    early_warnings.look_ahead()
    assert len(sentences()) == alerts


@pytest.mark.parametrize(
    ("last", "running", "alerts"),
    [(99, 99, 0), (100, 0, 1), (0, 100, 1), (60, 60, 0), (0, 0, 0)],
)
def test_only_failures_within_one_hour_are_too_many(
    last: int, running: int, alerts: int, settings: Settings
) -> None:
    settings.ALERT_GROWTH = 100
    group = dead_letter().group
    this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    FailureCount.objects.all().delete()
    for hours, arrivals in enumerate((running, last)):
        hour = this_hour - timedelta(hours=hours)
        FailureCount.objects.create(group=group, hour=hour, arrivals=arrivals)
    early_warnings.look_ahead()
    assert len(sentences()) == alerts
