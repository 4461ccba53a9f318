"""Which delivery is sent next, and for how long one run goes on."""

from datetime import timedelta
from threading import Event

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import outbox, raising
from dlq_review.alerts.kinds import GROWTH
from dlq_review.models import AlertDelivery
from processing.outbound import https
from processing.outbound.errors import UndeliveredError
from tests.dlq_review.alerts.deliveries import deliver, states
from tests.dlq_review.alerts.receiver import Receiver

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def raise_two() -> None:
    for queue in ("orders", "signups"):
        raising.begin(GROWTH, queue, "Many.")


def sent(receiver: Receiver) -> list[str]:
    return [call.json["data"]["alert"] for call in receiver.calls]


@pytest.mark.parametrize("tries", [0, 1, outbox.REFUSALS - 1])
def test_the_oldest_is_sent_first_also_after_some_tries(
    receiver: Receiver, tries: int
) -> None:
    raise_two()
    AlertDelivery.objects.filter(name="growth/orders").update(tries=tries)
    assert deliver() == 2
    assert sent(receiver) == ["growth/orders", "growth/signups"]


def test_what_waits_for_one_channel_holds_up_no_other(
    receiver: Receiver, settings: Settings
) -> None:
    settings.ALERT_ALERTMANAGER_URL = receiver.url
    raising.begin(GROWTH, "orders", "Many.")
    later = timezone.now() + MINUTE
    AlertDelivery.objects.filter(channel="webhook").update(next_try_at=later)
    assert deliver() == 1
    assert states(channel="alertmanager") == ["sent"]


def test_a_channel_that_a_run_leaves_out_waits_for_another_run(
    receiver: Receiver, by_mail: None
) -> None:
    raising.begin(GROWTH, "orders", "Many.")
    assert outbox.deliver(seconds=5, without=("webhook",)) == 1
    assert (states(channel="webhook"), states(channel="mail")) == (
        ["waiting"],
        ["sent"],
    )
    assert deliver() == 1


def test_a_channel_that_takes_nothing_lets_the_others_try_in_their_time(
    receiver: Receiver, by_mail: None
) -> None:
    raising.begin(GROWTH, "orders", "Many.")
    soon = timezone.now() + timedelta(seconds=10)
    AlertDelivery.objects.filter(channel="mail").update(next_try_at=soon)
    receiver.status = 503
    deliver()
    assert AlertDelivery.objects.get(channel="mail").next_try_at == soon


def test_deliveries_of_one_mail_wait_as_long_as_the_one_that_was_tried_most(
    by_mail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("dlq_review.alerts.channels.mail.send_mail", fail)
    raise_two()
    AlertDelivery.objects.filter(name="growth/orders").update(tries=3)
    before = timezone.now()
    deliver()
    for one in AlertDelivery.objects.all():
        assert timedelta(0) <= one.next_try_at - before - 2 * MINUTE < MINUTE


@pytest.mark.parametrize(("minutes", "state"), [(1, "waiting"), (-1, "given_up")])
def test_what_is_being_sent_is_not_given_up(
    receiver: Receiver, minutes: int, state: str
) -> None:
    raising.begin(GROWTH, "orders", "Many.")
    now = timezone.now()
    AlertDelivery.objects.update(
        tries=1,
        created_at=now - 2 * outbox.GIVE_UP,
        claimed_until=now + minutes * MINUTE,
    )
    assert outbox.due() is (state == "given_up")
    assert deliver() == 0
    assert states() == [state]


@pytest.mark.parametrize(
    ("seconds", "states_after"),
    [(50.0, ["sent", "waiting"]), (200.0, ["waiting", "waiting"])],
)
def test_a_run_begins_nothing_after_its_time_and_waits_for_what_it_began(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    states_after: list[str],
) -> None:
    """It has five seconds; the first message is on its way at the moment *seconds*."""
    clock = iter([0.0, 0.0])
    monkeypatch.setattr(outbox, "monotonic", lambda: next(clock, seconds))
    release = Event()
    if seconds > outbox.LONGEST_SEND:
        monkeypatch.setattr(https, "post", lambda *_: release.wait(30))
    raise_two()
    deliver()
    release.set()
    assert states() == states_after


def test_of_a_long_error_the_beginning_is_kept(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UndeliveredError(f"HTTP 500 {'x' * 300}")

    monkeypatch.setattr(https, "post", fail)
    raising.begin(GROWTH, "orders", "Many.")
    deliver()
    assert AlertDelivery.objects.get().last_error == f"HTTP 500 {'x' * 191}"
