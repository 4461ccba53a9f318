from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NoReturn

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from processing import queues, sending, spool
from processing.events import Event
from processing.models import SpooledEvent
from tests.builders import order_created

pytestmark = pytest.mark.django_db


def test_what_sqs_did_not_take_is_relayed_oldest_first(sqs: None) -> None:
    first, second = order_created(), order_created()
    spool.hold(first, "EndpointConnectionError")
    spool.hold(second, "EndpointConnectionError")
    assert spool.relay(limit=1) == 1
    assert SpooledEvent.objects.get().request_id == second.id
    assert spool.relay() == 1
    assert spool.relay() == 0
    assert {one.body for one in queues.receive("orders")} == {first.body, second.body}


def test_the_same_request_is_held_once(sqs: None) -> None:
    event = order_created()
    spool.hold(event, "Timeout")
    spool.hold(event, "Timeout")
    assert SpooledEvent.objects.count() == 1


@pytest.mark.usefixtures("no_sqs")
def test_a_row_that_cannot_be_sent_stays_says_why_and_waits_longer_each_time() -> None:
    spool.hold(order_created(), "EndpointConnectionError")
    pauses = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(10):
            clock.shift(timedelta(seconds=spool.LONGEST_PAUSE))
            assert spool.relay() == 0
            row = SpooledEvent.objects.get()
            pauses.append((row.next_try_at - timezone.now()).total_seconds())
            assert spool.relay() == 0
            assert SpooledEvent.objects.get().tries == row.tries
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert row.refusal == "EndpointConnectionError"


def test_a_row_that_sqs_refuses_for_good_is_not_tried_for_ever(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    spool.hold(event, "Timeout")
    refusal = sending.SendError("InvalidMessageContents", for_good=True)
    with monkeypatch.context() as refused:
        refused.setattr(
            sending,
            "publish_many",
            lambda events, beside: [sending.Sent(one, error=refusal) for one in events],
        )
        spool.relay()
    assert SpooledEvent.objects.get().refused_for_good
    SpooledEvent.objects.update(next_try_at=timezone.now())
    assert spool.relay() == 0


def test_a_crash_between_send_and_delete_sends_the_same_request_again(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    spool.hold(event, "Timeout")
    publish_many = sending.publish_many

    def publish_then_die(events: Iterable[Event], beside: Any) -> NoReturn:
        publish_many(events, beside)
        raise KeyboardInterrupt

    with monkeypatch.context() as crash, pytest.raises(KeyboardInterrupt):
        crash.setattr(sending, "publish_many", publish_then_die)
        spool.relay()
    assert spool.relay() == 1
    bodies = [one.body for one in queues.receive("orders")]
    assert bodies == [event.body, event.body]


def test_follow_ups_recorded_in_a_transaction_that_fails_do_not_exist() -> None:
    with transaction.atomic():
        spool.record([order_created()], cause="r-1")
        transaction.set_rollback(True)
    assert not SpooledEvent.objects.exists()


def test_another_content_is_never_held_in_place_of_the_first() -> None:
    first = order_created(id="r-1")
    spool.hold(first, "Timeout")
    with pytest.raises(spool.HeldOtherwiseError):
        spool.hold(order_created(id="r-1"), "Timeout")
    assert SpooledEvent.objects.get().body == first.body


def test_another_content_than_one_that_only_a_newer_release_reads_is_refused() -> None:
    spool.hold(order_created(id="r-1"), "Timeout")
    SpooledEvent.objects.update(body='{"type": "of_tomorrow"}')
    with pytest.raises(spool.HeldOtherwiseError):
        spool.hold(order_created(id="r-1"), "Timeout")


def test_follow_ups_of_another_content_undo_the_effect_and_are_not_dropped() -> None:
    first = order_created(id="r-1")
    spool.record([first], cause="c-1")
    spool.record([first], cause="c-1")
    with pytest.raises(spool.HeldOtherwiseError), transaction.atomic():
        spool.record([order_created(id="r-2"), order_created(id="r-1")], cause="c-2")
    assert SpooledEvent.objects.get().body == first.body


def test_what_is_relayed_while_a_copy_is_held_leaves_room_for_the_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = order_created()
    spool.hold(event, "Timeout")
    find = spool._held

    def relayed_meanwhile(request_id: str) -> SpooledEvent | None:
        SpooledEvent.objects.all().delete()
        return find(request_id)

    monkeypatch.setattr(spool, "_held", relayed_meanwhile)
    spool.hold(event, "Timeout")
    assert SpooledEvent.objects.get().body == event.body
