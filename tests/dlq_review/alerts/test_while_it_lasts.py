"""What is noted of an alert while it lasts, and what a channel that was off is told of it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import outbox, raising
from dlq_review.alerts.channels import registry
from dlq_review.alerts.kinds import GROWTH, LOSS
from dlq_review.models import AlertDelivery, RaisedAlert

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somebody(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]


def told(channel: str = "mail") -> list[str]:
    found = AlertDelivery.objects.filter(channel=channel).order_by("pk")
    return list(found.values_list("phase", flat=True))


def test_a_long_name_fits_its_column_and_still_ends() -> None:
    about = "q" * 200
    raising.begin(GROWTH, about, "Many.")
    assert raising.lasting().get().name == f"growth/{'q' * 93}"
    assert raising.end(GROWTH, [about]) == 1


def test_what_is_seen_again_does_not_lapse() -> None:
    raising.begin(LOSS, "orders-dlq", "Soon.")
    RaisedAlert.objects.update(seen_at=timezone.now() - timedelta(minutes=61))
    assert not raising.begin(LOSS, "orders-dlq", "Sooner.", "/admin/soon/")
    raising.lapse()
    assert raising.lasting(LOSS).get().path == "/admin/soon/"


@pytest.mark.parametrize(("hours", "reminded"), [(4.9, 0), (5.1, 1)])
def test_people_are_reminded_after_so_many_hours(
    settings: Settings, hours: float, reminded: int
) -> None:
    settings.ALERT_REPEAT_HOURS = 5
    raising.begin(GROWTH, "orders", "Many.")
    RaisedAlert.objects.update(at=timezone.now() - timedelta(hours=hours))
    raising.remind()
    assert told() == ["raised", *["reminder"] * reminded]


def test_a_channel_that_was_off_is_told_of_what_began_again_meanwhile(
    settings: Settings,
) -> None:
    settings.ALERT_SLACK_URL = "https://hooks.slack.com/x"
    raising.begin(GROWTH, "orders", "Many.")
    settings.ALERT_SLACK_URL = ""
    raising.end(GROWTH, ["orders"])
    raising.begin(GROWTH, "orders", "Many again.")
    settings.ALERT_SLACK_URL = "https://hooks.slack.com/x"
    raising.remind()
    assert told("slack") == ["raised", "reminder"]


def test_a_test_leads_to_the_page_of_the_alerts() -> None:
    raising.test(registry.CHANNELS["mail"])
    page = reverse("admin:dlq_review_alertdelivery_changelist")
    assert AlertDelivery.objects.get().path == page


def test_what_is_given_up_still_says_why() -> None:
    raising.begin(GROWTH, "orders", "Many.")
    AlertDelivery.objects.update(
        tries=1,
        last_error="HTTP 503",
        created_at=timezone.now() - outbox.GIVE_UP - timedelta(minutes=1),
    )
    assert outbox.deliver(seconds=5) == 0
    one = AlertDelivery.objects.get()
    assert (one.state, one.last_error) == ("given_up", "HTTP 503")
