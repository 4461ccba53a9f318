"""Alerts are delivered by each channel, beside the work that finds them out."""

import smtplib
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import DatabaseError, transaction
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.alerts import outbox, raising
from dlq_review.alerts.kinds import GROWTH, NEAR_LIMIT
from dlq_review.models import AlertDelivery, LifeSign, RaisedAlert, UntoldAlert
from processing.sqs import queues
from tests.builders import dead_letter, failure
from tests.dlq_review.alerts.deliveries import deliver, states, wait_no_more
from tests.dlq_review.alerts.receiver import Receiver

pytestmark = pytest.mark.django_db


def test_a_failure_and_its_return_are_told_in_their_order(by_mail: None) -> None:
    group = dead_letter(attributes=failure()).group
    dead_letter(attributes=failure())
    group.state = "resolved"
    group.save()
    dead_letter(attributes=failure())
    assert tasks.tell() == 3
    told = [one.body.partition("\n")[0] for one in mail.outbox]
    text = "OrderExistsError in order_created on orders."
    assert told == [
        f"Raised: A new kind of failure: {text}",
        f"Over: A new kind of failure: {text}",
    ]
    assert f"Raised: A failure came back: {text}" in mail.outbox[0].body
    assert mail.outbox[0].subject == f"Holdfast: {told[0]} And 1 more."
    assert f"/failuregroup/{group.pk}/" in mail.outbox[1].body
    assert tasks.tell() == 0
    assert len(mail.outbox) == 2


def test_a_pull_sends_nothing_itself(
    sqs: None, by_mail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.client().send_message(QueueUrl=queues.url("orders-dlq"), MessageBody="{}")
    monkeypatch.setattr(smtplib, "SMTP", None)
    monkeypatch.setattr(mail, "get_connection", None)
    assert tasks.pull() == 1
    assert states(kind="new_failure") == ["waiting"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("undone", [False, True])
def test_a_pull_that_is_undone_tells_nobody(
    caplog: pytest.LogCaptureFixture, by_mail: None, undone: bool
) -> None:
    with suppress(DatabaseError), transaction.atomic():
        dead_letter()
        assert "alert=" not in caplog.text, "nothing is told before it is sure"
        if undone:
            raise DatabaseError
    assert ("alert=new_failure/" in caplog.text) is not undone
    assert deliver() == (0 if undone else 1)


def test_many_alerts_are_told_in_mails_of_a_bounded_length(by_mail: None) -> None:
    for number in range(101):
        raising.begin(GROWTH, f"q{number}", f"Alert {number}.")
    assert deliver() == 101
    first, last = mail.outbox
    assert first.subject == "Holdfast: Raised: Alert 0. And 99 more."
    assert last.subject == "Holdfast: Raised: Alert 100."


def test_where_no_channel_is_set_no_delivery_is_kept() -> None:
    dead_letter()
    assert not AlertDelivery.objects.exists()
    assert raising.lasting().count() == 1


def test_no_message_writes_the_headers_or_the_words_of_an_alert(by_mail: None) -> None:
    forged = "Error\r\nBcc: eve@example.com\n\n<script>\u202e"
    dead_letter(attributes=failure(error_type=forged))
    dead_letter('{"type": "Grace Quill", "data": {"name": "Grace Quill"}}')
    deliver()
    (told,) = mail.outbox
    assert told.recipients() == ["desk@example.com"]
    assert told.message()["Bcc"] is None
    assert told.subject.isprintable()
    assert "an error in order_created on orders." in told.body
    assert "in a message on orders." in told.body
    assert "Quill" not in told.body


@pytest.mark.parametrize("is_tried", [True, False])
def test_a_channel_that_is_set_no_more_ends_and_troubles_nobody(
    receiver: Receiver, settings: Settings, is_tried: bool
) -> None:
    receiver.status = 503
    raising.begin(GROWTH, "orders", "Many.")
    if is_tried:
        deliver()
    settings.ALERT_WEBHOOK_URL = ""
    assert not outbox.due()
    AlertDelivery.objects.update(created_at=timezone.now() - 2 * outbox.GIVE_UP)
    assert outbox.due()
    deliver()
    assert states() == ["given_up"]
    assert not LifeSign.objects.exists()


def test_the_end_is_not_told_before_the_beginning(receiver: Receiver) -> None:
    raising.begin(GROWTH, "orders", "Many.")
    raising.end(GROWTH, ["orders"])
    first = AlertDelivery.objects.earliest("pk")
    later = timezone.now() + timedelta(minutes=1)
    AlertDelivery.objects.filter(pk=first.pk).update(next_try_at=later)
    assert deliver() == 0
    wait_no_more()
    assert deliver() == 2
    assert [call.json["data"]["phase"] for call in receiver.calls] == ["raised", "over"]


NIGHT = datetime(2026, 11, 27, 23, 0, tzinfo=UTC)


def test_what_is_not_urgent_waits_for_the_end_of_the_quiet_hours(
    receiver: Receiver, settings: Settings
) -> None:
    settings.ALERT_QUIET_HOURS = "22:00-07:00"
    with time_machine.travel(NIGHT, tick=False) as clock:
        raising.begin(NEAR_LIMIT, "orders", "Not urgent.")
        raising.begin(GROWTH, "orders", "Urgent.")
        deliver()
        assert [call.json["data"]["alert"] for call in receiver.calls] == [
            "growth/orders"
        ]
        clock.move_to(NIGHT + timedelta(hours=8, seconds=-1))
        assert deliver() == 0
        clock.move_to(NIGHT + timedelta(hours=8))
        assert deliver() == 1


def test_a_failed_try_of_what_is_not_urgent_is_not_repeated_at_night(
    receiver: Receiver, settings: Settings
) -> None:
    settings.ALERT_QUIET_HOURS = "23:00-07:00"
    receiver.status = 500
    with time_machine.travel(NIGHT - timedelta(seconds=5), tick=False):
        raising.begin(NEAR_LIMIT, "orders", "Not urgent.")
        raising.begin(GROWTH, "orders", "Urgent.")
        deliver()
        calm, urgent = AlertDelivery.objects.order_by("pk")
        assert calm.next_try_at == NIGHT + timedelta(hours=8)
        assert urgent.next_try_at == NIGHT + timedelta(seconds=10)


def test_what_was_late_before_the_quiet_hours_waits_for_their_end(
    receiver: Receiver, settings: Settings
) -> None:
    settings.ALERT_QUIET_HOURS = "23:00-07:00"
    receiver.status = 500
    with time_machine.travel(NIGHT - timedelta(seconds=5), tick=False) as clock:
        raising.begin(NEAR_LIMIT, "orders", "Not urgent.")
        raising.begin(NEAR_LIMIT, "signups", "Not urgent.")
        deliver()
        receiver.status = 200
        clock.move_to(NIGHT + timedelta(hours=1))
        assert not outbox.due()
        assert deliver() == 0
        clock.move_to(NIGHT + timedelta(hours=8))
        assert deliver() == 2


def test_an_alert_of_the_release_before_becomes_a_delivery(by_mail: None) -> None:
    UntoldAlert.objects.create(name="growth/orders", sentence="Old.", path="/admin/")
    UntoldAlert.objects.create(name="loss", sentence="Older.", path="/admin/")
    assert outbox.due()
    assert deliver() == 2
    (told,) = mail.outbox
    assert "Old." in told.body
    assert "Older." in told.body
    assert told.body.count("/admin/\n") == 2
    kinds = AlertDelivery.objects.order_by("pk").values_list("kind", flat=True)
    assert [*kinds] == ["test", "loss"]
    assert not UntoldAlert.objects.exists()


def test_a_row_of_the_release_before_is_over(by_mail: None) -> None:
    RaisedAlert.objects.create(name="growth/orders", at=timezone.now())
    assert not raising.lasting().exists()
    assert raising.begin(GROWTH, "orders", "Many.")
    assert not raising.begin(GROWTH, "orders", "Many.")


@pytest.mark.parametrize("status", [200, 503])
def test_an_alert_of_a_later_release_is_sent_like_any_other(
    receiver: Receiver, by_mail: None, settings: Settings, status: int
) -> None:
    """After the way back to this release, whose kinds are fewer."""
    settings.ALERT_ALERTMANAGER_URL = receiver.url
    receiver.status = status
    raising.begin(GROWTH, "orders", "Many.")
    AlertDelivery.objects.update(kind="of_tomorrow")
    RaisedAlert.objects.update(
        kind="of_tomorrow", at=timezone.now() - timedelta(days=2)
    )
    deliver()
    assert states(channel="mail") == ["sent"]
    assert states(channel="webhook") == ["sent" if status == 200 else "waiting"]
    named = [call.json for call in receiver.calls if call.path.startswith("/api/")]
    assert named[0][0]["labels"]["alertname"] == "HoldfastOfTomorrow"
    raising.remind()
    assert states(channel="mail") == ["sent", "waiting"]
