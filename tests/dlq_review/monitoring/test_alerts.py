"""What is new and wrong is told by mail, beside the work that finds it out."""

import smtplib
from contextlib import suppress

import pytest
from django.core import mail
from django.db import DatabaseError, transaction
from pytest_django import Settings

from dlq_review import alerts, tasks
from dlq_review.models import UntoldAlert
from processing.sqs import queues
from tests.builders import dead_letter, failure

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somebody(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]


@pytest.fixture
def no_mail_server(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 9


def test_a_new_kind_of_failure_and_its_return_are_told_in_one_mail() -> None:
    group = dead_letter(attributes=failure()).group
    dead_letter(attributes=failure())
    group.state = "resolved"
    group.save()
    dead_letter(attributes=failure())
    assert tasks.tell() == 2
    (told,) = mail.outbox
    assert "A new kind of failure: OrderExistsError" in told.subject
    assert "And 1 more." in told.subject
    assert told.body.count(f"/failuregroup/{group.pk}/") == 2
    assert "A failure came back" in told.body
    assert tasks.tell() == 0
    assert len(mail.outbox) == 1


def test_a_pull_mails_nothing_itself(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.client().send_message(QueueUrl=queues.url("orders-dlq"), MessageBody="{}")
    monkeypatch.setattr(smtplib, "SMTP", None)
    monkeypatch.setattr(mail, "get_connection", None)
    assert tasks.pull() == 1
    assert UntoldAlert.objects.count() == 1


def test_what_a_mail_server_that_is_away_did_not_take_is_told_later(
    settings: Settings, no_mail_server: None, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letter()
    assert alerts.tell() == 0
    assert "alerts=1 not_mailed=" in caplog.text
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert alerts.tell() == 1
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("undone", [False, True])
def test_a_pull_that_is_undone_tells_nobody(
    caplog: pytest.LogCaptureFixture, undone: bool
) -> None:
    with suppress(DatabaseError), transaction.atomic():
        dead_letter()
        assert "alert=" not in caplog.text, "nothing is told before it is sure"
        if undone:
            raise DatabaseError
    assert ("alert=new_failure" in caplog.text) is not undone
    assert alerts.tell() == (0 if undone else 1)


def test_many_alerts_are_told_in_mails_of_a_bounded_length() -> None:
    for number in range(alerts.MOST_IN_A_MAIL + 1):
        alerts.alert("many", f"Alert {number}.")
    assert [alerts.tell(), alerts.tell(), alerts.tell()] == [
        alerts.MOST_IN_A_MAIL,
        1,
        0,
    ]
    first, last = mail.outbox
    assert first.subject == "Holdfast: Alert 0. And 100 more."
    assert last.subject == "Holdfast: Alert 100."


def test_where_nobody_is_to_be_mailed_nothing_is_kept(settings: Settings) -> None:
    settings.ALERT_EMAILS = []
    dead_letter()
    assert not UntoldAlert.objects.exists()


def test_no_message_writes_the_headers_of_an_alert() -> None:
    forged = "Error\r\nBcc: eve@example.com\n\n<script>\u202e"
    dead_letter(attributes=failure(error_type=forged))
    alerts.tell()
    (told,) = mail.outbox
    assert told.recipients() == ["desk@example.com"]
    assert told.message()["Bcc"] is None
    assert told.subject.isprintable()
