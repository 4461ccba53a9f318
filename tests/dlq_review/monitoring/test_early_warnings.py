"""Alerts that come before the harm."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import NEW_FAILURE
from dlq_review.models import (
    AlertDelivery,
    DeadLetter,
    FailureCount,
    FailureGroup,
    RaisedAlert,
)
from dlq_review.monitoring import early_warnings
from dlq_review.pull import puller
from processing.sqs import queues
from processing.sqs.topology import QUEUES
from tests.builders import dead_letter, dead_message, order_created

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somebody(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["staff@example.com"]


@pytest.fixture
def this_hour(standing_clock: None) -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def told(kind: str) -> list[tuple[str, str]]:
    """The phase and the sentence of each delivery about *kind*, oldest first."""
    found = AlertDelivery.objects.filter(kind=kind).order_by("pk")
    return list(found.values_list("phase", "sentence"))


def sentences(kind: str) -> list[str]:
    return [sentence for _, sentence in told(kind)]


def test_a_message_that_sqs_is_about_to_drop_is_told_of_until_an_hour_passed() -> None:
    sent = timezone.now() - timedelta(seconds=QUEUES["orders"].dlq_retention - 7300)
    message = dead_message(order_created(), sent_at=sent)
    newer = replace(message, sent_at=sent + timedelta(hours=1))
    early_warnings.warn_of_loss([newer, message, newer])
    early_warnings.look_ahead()
    (sentence,) = sentences("loss")
    assert sentence.startswith("orders-dlq held a message that SQS drops in 2 h.")
    RaisedAlert.objects.filter(kind="loss").update(
        seen_at=timezone.now() - timedelta(minutes=61)
    )
    early_warnings.look_ahead()
    early_warnings.look_ahead()
    assert [phase for phase, _ in told("loss")] == ["raised", "over"]


def test_the_puller_looks_at_what_it_receives(sqs: None, settings: Settings) -> None:
    queues.client().send_message(QueueUrl=queues.url("orders-dlq"), MessageBody="{}")
    settings.ALERT_NEAR_LIMIT_HOURS = 15 * 24
    puller.pull()
    assert RaisedAlert.objects.filter(name="loss/orders-dlq").exists()


def test_letters_near_their_limit_are_told_of_once_until_they_are_settled() -> None:
    for _ in range(3):
        dead_letter()
    early_warnings.look_ahead()
    assert told("near_limit") == []
    soon = timezone.now() + timedelta(hours=3)
    DeadLetter.objects.exclude(pk=dead_letter().pk).update(expires_at=soon)
    early_warnings.look_ahead()
    early_warnings.look_ahead()
    (sentence,) = sentences("near_limit")
    assert sentence.startswith("3 dead letters of orders have waited nearly as long")
    DeadLetter.objects.update(state="resolved")
    early_warnings.look_ahead()
    assert [phase for phase, _ in told("near_limit")] == ["raised", "over"]


@pytest.mark.parametrize(
    "become",
    [{"state": "resolved"}, {"merged_into": True}, None],
    ids=["resolved", "merged", "purged"],
)
def test_the_alert_about_a_group_is_over_with_the_group(
    become: dict[str, object] | None,
) -> None:
    now = timezone.now()
    one: dict[str, Any] = {"queue": "orders", "first_seen": now, "last_seen": now}
    group = FailureGroup.objects.create(fingerprint="x", **one)
    raising.begin(NEW_FAILURE, str(group.pk), "A new kind of failure.")
    early_warnings.look_ahead()
    assert [phase for phase, _ in told("new_failure")] == ["raised"]
    groups = FailureGroup.objects.filter(pk=group.pk)
    if become is None:
        groups.delete()
    elif "merged_into" in become:
        into = FailureGroup.objects.create(fingerprint="y", **one)
        groups.update(merged_into=into)
    else:
        groups.update(**become)
    early_warnings.look_ahead()
    assert [phase for phase, _ in told("new_failure")] == ["raised", "over"]
    assert told("new_failure")[0][1] == told("new_failure")[1][1]


@pytest.mark.parametrize("ago", [0, 1])
@pytest.mark.parametrize(("before", "alerts"), [(1, 1), (49, 1), (50, 0), (200, 0)])
def test_failures_that_grow_unusually_are_told_of(
    before: int, alerts: int, ago: int, this_hour: datetime
) -> None:
    group = dead_letter().group
    FailureCount.objects.all().delete()
    grown = this_hour - timedelta(hours=ago)
    FailureCount.objects.create(group=group, hour=grown, arrivals=150)
    for hours in range(2, 25):
        hour = this_hour - timedelta(hours=hours)
        FailureCount.objects.create(group=group, hour=hour, arrivals=before)
    early_warnings.look_ahead()
    early_warnings.look_ahead()
    assert len(sentences("growth")) == alerts


@pytest.mark.parametrize(
    ("last", "running", "alerts"),
    [(99, 99, 0), (100, 0, 1), (0, 100, 1), (60, 60, 0), (0, 0, 0)],
)
def test_only_failures_within_one_hour_are_too_many(
    last: int, running: int, alerts: int, settings: Settings, this_hour: datetime
) -> None:
    settings.ALERT_GROWTH = 100
    group = dead_letter().group
    FailureCount.objects.all().delete()
    for hours, arrivals in enumerate((running, last)):
        hour = this_hour - timedelta(hours=hours)
        FailureCount.objects.create(group=group, hour=hour, arrivals=arrivals)
    early_warnings.look_ahead()
    assert len(sentences("growth")) == alerts


def test_growth_is_over_when_the_hour_is(this_hour: datetime) -> None:
    group = dead_letter().group
    FailureCount.objects.all().delete()
    FailureCount.objects.create(group=group, hour=this_hour, arrivals=150)
    early_warnings.look_ahead()
    FailureCount.objects.update(hour=this_hour - timedelta(hours=3))
    early_warnings.look_ahead()
    assert [phase for phase, _ in told("growth")] == ["raised", "over"]
