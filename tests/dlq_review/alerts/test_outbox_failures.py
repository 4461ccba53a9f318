"""What becomes of an alert that its receiver does not take."""

from collections import Counter
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import outbox, raising
from dlq_review.alerts.channels import registry
from dlq_review.alerts.kinds import GROWTH
from dlq_review.models import AlertDelivery, LifeSign
from dlq_review.monitoring import health
from processing.outbound import https
from tests.builders import dead_letter
from tests.dlq_review.alerts.deliveries import deliver, states, wait_no_more
from tests.dlq_review.alerts.receiver import Receiver

pytestmark = pytest.mark.django_db


def test_what_a_mail_server_that_is_away_did_not_take_is_told_later(
    settings: Settings, by_mail: None, caplog: pytest.LogCaptureFixture
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
    assert {one.last_error for one in sent} == {""}
    keys = [f"alert_{one.key.hex}" for one in sent]
    assert Counter(receiver.ids) == {keys[0]: 3, keys[1]: 1, keys[2]: 1}
    sentences = {call.json["data"]["sentence"] for call in receiver.calls}
    assert sentences == {"Alert 0.", "Alert 1.", "Alert 2."}
    assert len({call.body for call in receiver.calls}) == 3


def test_a_channel_that_hangs_delays_no_other(
    receiver: Receiver, by_mail: None, monkeypatch: pytest.MonkeyPatch
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
    for hours, is_told in ((71, state == "given_up"), (73, False)):
        AlertDelivery.objects.update(created_at=timezone.now() - timedelta(hours=hours))
        assert any("given up" in one for one in health.warnings()) is is_told


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
    AlertDelivery.objects.filter(name="growth/orders").update(tries=1)
    assert outbox.due()
    assert deliver() == 1
    assert states() == ["given_up", "sent"]
    assert "alerts=1 given_up=1" in caplog.text


def test_what_a_receiver_never_takes_lets_the_others_pass(receiver: Receiver) -> None:
    receiver.status = 500
    raising.begin(GROWTH, "orders", "Many.")
    raising.begin(GROWTH, "signups", "Many.")
    AlertDelivery.objects.filter(name="growth/orders").update(tries=outbox.REFUSALS)
    deliver()
    (call,) = receiver.calls
    assert call.json["data"]["alert"] == "growth/signups"


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
