"""The page of the alerts: what may be shown of the channels, and a test of each."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.alerts import outbox, raising
from dlq_review.alerts.channels import registry
from dlq_review.alerts.kinds import GROWTH
from dlq_review.desk.alert_list import described
from dlq_review.models import AlertDelivery, AuditEntry
from processing.models import User
from tests.dlq_review.alerts.receiver import receiving
from tests.dlq_review.desk_pages import ALERTS, html

pytestmark = pytest.mark.django_db
SECRET = "s3cret"


@pytest.fixture
def every_channel(settings: Settings) -> None:
    settings.ALERT_EMAILS = [f"{SECRET}@example.com"]
    settings.ALERT_TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:alerts"
    settings.ALERT_SLACK_URL = f"https://hooks.slack.com/services/{SECRET}"
    settings.ALERT_WEBHOOK_URL = f"https://ada:{SECRET}@hooks.example.com/{SECRET}"
    settings.ALERT_WEBHOOK_SECRETS = [f"whsec_{SECRET}"]
    settings.ALERT_ALERTMANAGER_URL = f"https://ada:{SECRET}@am.example.com"


def test_channels_are_shown_without_a_secret(
    admin_client: Client, every_channel: None
) -> None:
    raising.begin(GROWTH, "orders", "150 failures.")
    shown = html(admin_client, ALERTS)
    for part in ("1 address", "topic alerts", "hooks.slack.com", "am.example.com"):
        assert part in shown
    assert shown.count("Send a test</button>") == len(registry.CHANNELS)
    assert shown.count("150 failures.") == 1 + len(registry.CHANNELS)
    assert SECRET not in shown
    one = AlertDelivery.objects.filter(channel="slack").get()
    assert SECRET not in html(admin_client, f"{ALERTS}{one.pk}/change/")


def test_a_channel_that_is_off_names_its_setting(admin_client: Client) -> None:
    shown = html(admin_client, ALERTS)
    assert "off: <code>ALERT_SLACK_URL</code> is not set" in shown
    assert "Send a test</button>" not in shown
    assert "No alert lasts." in shown


def test_what_waits_and_why_is_shown(admin_client: Client, settings: Settings) -> None:
    with receiving() as receiver:
        settings.ALERT_SLACK_URL = f"{receiver.url}/{SECRET}"
        settings.ALERT_PRIVATE_HOSTS = ["127.0.0.1"]
        receiver.status, receiver.answer = 404, b"no_service"
        raising.begin(GROWTH, "orders", "150 failures.")
        outbox.deliver(seconds=5)
    shown = html(admin_client, ALERTS)
    assert "Slack takes no alerts (HTTP 404 no_service)." in shown
    assert "1 waiting, next try" in shown
    assert "HTTP 404 no_service</small>" in shown
    assert SECRET not in shown
    assert SECRET not in html(admin_client, "/admin/")


def test_the_alert_that_a_channel_took_last_is_named(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["ada@example.com"]
    for about in ("orders", "signups"):
        raising.begin(GROWTH, about, f"Many failures of {about}.")
    assert outbox.deliver(seconds=5) == 2
    by_name = {one["channel"].name: one for one in described()}
    assert by_name["mail"]["sent"].name == "growth/signups"
    assert by_name["slack"]["sent"] is None
    raising.begin(GROWTH, "emails", "Many failures of emails.")  # which waits
    by_name = {one["channel"].name: one for one in described()}
    assert by_name["mail"]["sent"].name == "growth/signups"


def test_a_test_is_sent_by_the_job_and_is_on_record(
    admin_client: Client, settings: Settings
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    settings.ALERT_QUIET_HOURS = "00:00-23:59"
    answer = admin_client.post(f"{ALERTS}test/mail/", follow=True)
    assert "A test by Mail is sent within a minute." in answer.content.decode()
    assert "The last test by Mail waits still." in (
        admin_client.post(f"{ALERTS}test/mail/", follow=True).content.decode()
    )
    assert tasks.tell() == 1
    assert mail.outbox[0].subject.startswith("Holdfast: Test: A test of the channel")
    (entry,) = AuditEntry.objects.filter(verb="tested")
    assert (entry.actor, entry.after) == ("admin", "Mail")


@pytest.mark.parametrize(("channel", "status"), [("slack", 302), ("nowhere", 404)])
def test_a_channel_that_is_not_there_is_not_tested(
    admin_client: Client, channel: str, status: int
) -> None:
    assert admin_client.post(f"{ALERTS}test/{channel}/").status_code == status
    assert not AlertDelivery.objects.exists()
    assert not AuditEntry.objects.exists()


def test_who_may_not_test_a_channel_is_told_so(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    reader = User.objects.create(username="eve", is_staff=True)
    looks = Permission.objects.get(codename="view_alertdelivery")
    reader.user_permissions.set([looks])
    browser = Client()
    browser.force_login(reader)
    shown = html(browser, ALERTS)
    assert "You do not have the permission to send test alerts." in shown
    assert re.search(
        r"<button[^>]* disabled[^>]*>[^<]*(<svg.*?</svg>)?[^<]*[Tt]est", shown
    )
    assert browser.post(f"{ALERTS}test/mail/").status_code == 403


def test_a_test_needs_a_form_of_this_site(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser("root"))
    assert browser.get(f"{ALERTS}test/mail/").status_code == 405
    assert browser.post(f"{ALERTS}test/mail/").status_code == 403
    assert not AlertDelivery.objects.exists()


def test_the_list_can_be_narrowed(admin_client: Client, settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    raising.begin(GROWTH, "orders", "Orders fail.")
    raising.begin(GROWTH, "signups", "Sign-ups fail.")
    AlertDelivery.objects.filter(name="growth/orders").update(
        state="sent", sent_at=timezone.now()
    )
    rows = html(admin_client, f"{ALERTS}?state=sent").partition("Deliveries</h2>")[2]
    assert "Orders fail." in rows
    assert "Sign-ups fail." not in rows
    rows = html(admin_client, f"{ALERTS}?q=signups").partition("Deliveries</h2>")[2]
    assert "Sign-ups fail." in rows
    assert "Orders fail." not in rows
