"""Alerts are delivered by each channel, beside the work that finds them out."""

import smtplib
from collections import Counter
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
from dlq_review.alerts.channels import registry
from dlq_review.alerts.kinds import GROWTH, NEAR_LIMIT
from dlq_review.models import AlertDelivery, LifeSign, RaisedAlert, UntoldAlert
from dlq_review.monitoring import health
from processing.outbound import https
from processing.sqs import queues
from tests.builders import dead_letter, failure
from tests.dlq_review.alerts.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]


def deliver() -> int:
    return outbox.deliver(seconds=5)


def states(**of: str) -> list[str]:
    found = AlertDelivery.objects.filter(**of).order_by("pk")
    return list(found.values_list("state", flat=True))


def wait_no_more() -> None:
    """As if the pause of every delivery were over."""
    AlertDelivery.objects.update(next_try_at=timezone.now())
    LifeSign.objects.update(rests_until=None)


def test_a_failure_and_its_return_are_told_in_their_order(desk: None) -> None:
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
    sqs: None, desk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.client().send_message(QueueUrl=queues.url("orders-dlq"), MessageBody="{}")
    monkeypatch.setattr(smtplib, "SMTP", None)
    monkeypatch.setattr(mail, "get_connection", None)
    assert tasks.pull() == 1
    assert states(kind="new_failure") == ["waiting"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("undone", [False, True])
def test_a_pull_that_is_undone_tells_nobody(
    caplog: pytest.LogCaptureFixture, desk: None, undone: bool
) -> None:
    with suppress(DatabaseError), transaction.atomic():
        dead_letter()
        assert "alert=" not in caplog.text, "nothing is told before it is sure"
        if undone:
            raise DatabaseError
    assert ("alert=new_failure/" in caplog.text) is not undone
    assert deliver() == (0 if undone else 1)


def test_many_alerts_are_told_in_mails_of_a_bounded_length(desk: None) -> None:
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


def test_no_message_writes_the_headers_or_the_words_of_an_alert(desk: None) -> None:
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


def test_what_a_mail_server_that_is_away_did_not_take_is_told_later(
    settings: Settings, desk: None, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 9
    dead_letter()
    assert deliver() == 0
    assert "channel=mail undelivered=" in caplog.text
    (trouble,) = [one for one in health.warnings() if "takes no alerts" in one]
    assert trouble.startswith("Mail takes no alerts (")
    assert deliver() == 0, "it rests"
    wait_no_more()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert deliver() == 1
    assert len(mail.outbox) == 1
    assert not [one for one in health.warnings() if "takes no alerts" in one]
    assert not LifeSign.objects.exists(), "the overview lists what runs"


def test_a_receiver_fails_hangs_and_comes_back(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, and what comes twice has the same id."""
    monkeypatch.setattr(https, "WITHIN", 0.2)
    for number in range(3):
        raising.begin(GROWTH, f"q{number}", f"Alert {number}.")
    receiver.status = 503
    assert deliver() == 0
    receiver.hangs = True
    wait_no_more()
    assert deliver() == 0
    assert len(receiver.calls) == 2, "one try in each run"
    receiver.hangs, receiver.status = False, 200
    wait_no_more()
    assert deliver() == 3
    assert deliver() == 0
    assert states() == ["sent"] * 3
    sent = AlertDelivery.objects.order_by("pk")
    keys = [f"alert_{one.key.hex}" for one in sent]
    assert Counter(receiver.ids) == {keys[0]: 3, keys[1]: 1, keys[2]: 1}
    sentences = {call.json["data"]["sentence"] for call in receiver.calls}
    assert sentences == {"Alert 0.", "Alert 1.", "Alert 2."}
    assert len({call.body for call in receiver.calls}) == 3


def test_a_channel_that_hangs_delays_no_other(
    receiver: Receiver, desk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "WITHIN", 0.4)
    receiver.hangs = True
    for number in range(101):  # two mails
        raising.begin(GROWTH, f"q{number}", f"Alert {number}.")
    assert deliver() == 101
    assert states(channel="mail") == ["sent"] * 101
    assert states(channel="webhook") == ["waiting"] * 101
    took = AlertDelivery.objects.filter(channel="mail").latest("sent_at").sent_at
    failed = LifeSign.objects.get(name="alerts by webhook").at
    assert took is not None
    assert took < failed, "the mails were not held up"


def test_a_process_that_was_killed_behind_the_send_leads_to_the_same_id(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising.begin(GROWTH, "orders", "Many.")

    def be_killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as killed, pytest.raises(SystemExit):
        killed.setattr(outbox, "_record", be_killed)
        deliver()
    assert states() == ["waiting"]
    assert deliver() == 0, "the claim is held"
    AlertDelivery.objects.update(claimed_until=timezone.now())
    assert deliver() == 1
    assert len(set(receiver.ids)) == 1
    assert len(receiver.calls) == 2


def test_who_lost_the_claim_records_nothing(receiver: Receiver) -> None:
    raising.begin(GROWTH, "orders", "Many.")
    channel = registry.CHANNELS["webhook"]
    batch = outbox._claim(channel)
    assert batch is not None
    assert outbox._claim(channel) is None
    AlertDelivery.objects.update(claimed_until=timezone.now())
    other = outbox._claim(channel)
    assert other is not None
    assert outbox._record(outbox._Tried(batch, None)) == 0
    assert outbox._record(outbox._Tried(other, None)) == 1


@pytest.mark.parametrize(
    ("status", "tries", "state"),
    [
        (404, outbox.REFUSALS, "given_up"),
        (410, outbox.REFUSALS, "given_up"),
        (302, outbox.REFUSALS, "given_up"),
        (404, outbox.REFUSALS - 1, "waiting"),
        (408, outbox.REFUSALS + 5, "waiting"),
        (429, outbox.REFUSALS + 5, "waiting"),
        (503, outbox.REFUSALS + 5, "waiting"),
    ],
)
def test_a_refusal_ends_after_some_tries_and_is_shown(
    receiver: Receiver, status: int, tries: int, state: str
) -> None:
    receiver.status = status
    raising.begin(GROWTH, "orders", "Many.")
    AlertDelivery.objects.update(tries=tries - 1)
    deliver()
    one = AlertDelivery.objects.get()
    assert (one.state, one.tries) == (state, tries)
    assert one.last_error.startswith(f"HTTP {status}")
    given_up = [one for one in health.warnings() if "given up" in one]
    assert bool(given_up) is (state == "given_up")


def test_pauses_grow_and_are_bounded(receiver: Receiver) -> None:
    receiver.status = 500
    raising.begin(GROWTH, "orders", "Many.")
    pauses = []
    for _ in range(7):
        wait_no_more()
        before = timezone.now()
        deliver()
        one = AlertDelivery.objects.get()
        pauses.append(round((one.next_try_at - before).total_seconds()))
    assert pauses == [15, 30, 60, 120, 240, 300, 300]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("120", 120), ("1", 15), ("999999", 3600), ("Wed, 21 Oct 2026", 15), ("-1", 15)],
)
def test_a_receiver_that_asks_for_a_pause_gets_it(
    receiver: Receiver, asked: str, seconds: int
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": asked}
    raising.begin(GROWTH, "orders", "Many.")
    before = timezone.now()
    deliver()
    one = AlertDelivery.objects.get()
    assert round((one.next_try_at - before).total_seconds()) == seconds
    raising.begin(GROWTH, "signups", "Many.")
    deliver()
    heeded = asked.isdigit()
    assert len(receiver.calls) == (1 if heeded else 2), "nothing is sent before"


def test_after_a_day_of_tries_it_is_given_up_and_what_nobody_tried_is_not(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    raising.begin(GROWTH, "orders", "Many.")
    raising.begin(GROWTH, "signups", "Many.")
    old = timezone.now() - outbox.GIVE_UP - timedelta(minutes=1)
    AlertDelivery.objects.update(created_at=old)
    AlertDelivery.objects.filter(name="growth/orders").update(tries=3)
    assert outbox.due()
    assert deliver() == 1
    assert states() == ["given_up", "sent"]
    assert "alerts=1 given_up=1" in caplog.text


def test_a_channel_that_is_set_no_more_ends_and_troubles_nobody(
    receiver: Receiver, settings: Settings
) -> None:
    receiver.status = 503
    raising.begin(GROWTH, "orders", "Many.")
    deliver()
    settings.ALERT_WEBHOOK_URL = ""
    AlertDelivery.objects.update(created_at=timezone.now() - 2 * outbox.GIVE_UP)
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


def test_what_a_receiver_never_takes_lets_the_others_pass(receiver: Receiver) -> None:
    receiver.status = 500
    raising.begin(GROWTH, "orders", "Many.")
    raising.begin(GROWTH, "signups", "Many.")
    AlertDelivery.objects.filter(name="growth/orders").update(tries=outbox.REFUSALS)
    deliver()
    (call,) = receiver.calls
    assert call.json["data"]["alert"] == "growth/signups"


def test_an_alert_of_the_release_before_becomes_a_delivery(desk: None) -> None:
    UntoldAlert.objects.create(name="growth/orders", sentence="Old.", path="/admin/")
    assert outbox.due()
    assert deliver() == 1
    assert "Old." in mail.outbox[0].body
    assert not UntoldAlert.objects.exists()


def test_a_row_of_the_release_before_is_over(desk: None) -> None:
    RaisedAlert.objects.create(name="growth/orders", at=timezone.now())
    assert not raising.lasting().exists()
    assert raising.begin(GROWTH, "orders", "Many.")
    assert not raising.begin(GROWTH, "orders", "Many.")


def test_an_error_of_a_channel_that_nobody_knows_tells_no_secret(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("https://hooks.slack.com/services/secret")

    monkeypatch.setattr(https, "post", fail)
    raising.begin(GROWTH, "orders", "Many.")
    deliver()
    one = AlertDelivery.objects.get()
    assert (one.state, one.last_error) == ("waiting", "RuntimeError")
    assert "secret" not in caplog.text


@pytest.mark.parametrize("status", [200, 503])
def test_an_alert_of_a_later_release_is_sent_like_any_other(
    receiver: Receiver, desk: None, settings: Settings, status: int
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
    raising.remind()
    assert states(channel="mail") == ["sent", "waiting"]
