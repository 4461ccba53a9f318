from collections.abc import Iterable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing import tasks
from processing.delivery import processor, spool
from processing.events import envelope
from processing.events.envelope import Event
from processing.models import Outcome, SpooledEvent
from processing.sqs import publisher, queues
from processing.sqs.batches import Sent
from processing.sqs.refusals import SendError
from tests.builders import order_created, signup_requested
from tests.processing.refused_entries import spoil

pytestmark = pytest.mark.django_db


def test_what_sqs_did_not_take_is_relayed_oldest_first(sqs: None) -> None:
    first, second = order_created(), order_created()
    spool.add(first, "EndpointConnectionError")
    spool.add(second, "EndpointConnectionError")
    assert spool.relay(limit=1) == 1
    assert SpooledEvent.objects.get().request_id == second.id
    assert spool.relay() == 1
    assert spool.relay() == 0
    assert {one.body for one in queues.receive("orders")} == {first.body, second.body}


def test_the_same_request_is_held_once_and_says_why_sqs_did_not_take_it(
    sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    event = order_created()
    spool.add(event, "Timeout")
    spool.add(event, "ConnectTimeoutError")
    assert SpooledEvent.objects.get().refusal == "Timeout"
    assert caplog.messages == [
        f"request_id={event.id} spooled=Timeout",
        f"request_id={event.id} spooled=ConnectTimeoutError",
    ]


@pytest.mark.parametrize("is_inside", [False, True])
def test_a_dead_connection_is_replaced_where_no_transaction_is_on_it(
    monkeypatch: pytest.MonkeyPatch, is_inside: bool
) -> None:
    replaced: list[None] = []
    found = SimpleNamespace(
        in_atomic_block=is_inside,
        close_if_unusable_or_obsolete=lambda: replaced.append(None),
    )
    monkeypatch.setattr(spool, "connection", found)
    spool.add(order_created(), "Timeout")
    assert len(replaced) == (not is_inside)


@pytest.mark.usefixtures("no_sqs")
def test_a_row_that_cannot_be_sent_stays_says_why_and_waits_longer_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool.add(order_created(), "EndpointConnectionError")
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
    told = f"request_id={row.request_id} not_sent=EndpointConnectionError tries="
    tries = [int(one.removeprefix(told)) for one in caplog.messages if told in one]
    assert tries == [*range(1, 11)]


def test_a_row_that_sqs_refuses_for_good_is_not_tried_for_ever(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    spool.add(event, "Timeout")
    refusal = SendError("InvalidMessageContents", for_good=True)
    with monkeypatch.context() as refused:
        refused.setattr(
            publisher,
            "publish_many",
            lambda events, beside: [Sent(one, error=refusal) for one in events],
        )
        spool.relay()
    assert SpooledEvent.objects.get().refused_for_good
    SpooledEvent.objects.update(next_try_at=timezone.now())
    assert spool.relay() == 0


@pytest.mark.parametrize(("days", "is_renewed"), [(0.9, False), (1.1, True)])
def test_the_claim_of_what_waited_long_counts_from_its_last_copy(
    sqs: None, days: float, is_renewed: bool
) -> None:
    """Else the claim is deleted while that copy can still arrive."""
    event = order_created()
    processor.process(event)
    long_ago = timezone.now() - timedelta(days=30)
    Outcome.objects.update(at=long_ago)
    spool.add(event, "Timeout")
    SpooledEvent.objects.update(created_at=timezone.now() - timedelta(days=days))
    assert spool.relay() == 1
    assert (Outcome.objects.get().at > long_ago) is is_renewed


def test_a_copy_that_sqs_may_have_taken_unconfirmed_renews_the_claim_too(
    no_sqs: None,
) -> None:
    event = order_created()
    processor.process(event)
    spool.add(event, "Timeout")
    long_ago = timezone.now() - timedelta(days=30)
    Outcome.objects.update(at=long_ago)
    SpooledEvent.objects.update(created_at=long_ago)
    assert spool.relay() == 0
    assert Outcome.objects.get().at > long_ago


def test_follow_ups_are_written_in_one_order_so_that_two_workers_never_deadlock() -> (
    None
):
    events = sorted((order_created() for _ in range(3)), key=lambda one: one.id)
    with CaptureQueriesContext(connection) as asked:
        spool.record_many((one.id, one, None) for one in reversed(events))
    (sql,) = [one["sql"] for one in asked if one["sql"].startswith("INSERT")]
    places = [sql.index(one.id) for one in events]
    assert places == sorted(places)


def test_the_time_limit_of_the_job_ends_it_and_blames_no_row(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out_of_time(*_: Any, **__: Any) -> NoReturn:
        raise SoftTimeLimitExceeded

    spool.add(order_created(), "Timeout")
    monkeypatch.setattr(envelope, "parse", run_out_of_time)
    with pytest.raises(SoftTimeLimitExceeded):
        spool.relay()
    assert SpooledEvent.objects.get().tries == 0


def test_a_follow_up_that_sqs_refused_for_good_is_not_sent_by_a_later_delivery(
    sqs: None,
) -> None:
    spool.record([order_created()], cause="r-1")
    SpooledEvent.objects.update(refused_for_good=True)
    assert spool.send_follow_ups("r-1") == 0
    assert queues.receive("orders") == []
    SpooledEvent.objects.update(refused_for_good=False)
    assert spool.send_follow_ups("r-1") == 1


def test_a_crash_between_send_and_delete_sends_the_same_request_again(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    spool.add(event, "Timeout")
    publish_many = publisher.publish_many

    def publish_then_die(events: Iterable[Event], beside: Any) -> NoReturn:
        publish_many(events, beside)
        raise KeyboardInterrupt

    with monkeypatch.context() as crash, pytest.raises(KeyboardInterrupt):
        crash.setattr(publisher, "publish_many", publish_then_die)
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
    spool.add(first, "Timeout")
    with pytest.raises(spool.SpoolConflictError):
        spool.add(order_created(id="r-1"), "Timeout")
    assert SpooledEvent.objects.get().body == first.body


def test_another_content_than_one_that_only_a_newer_release_reads_is_refused() -> None:
    spool.add(order_created(id="r-1"), "Timeout")
    SpooledEvent.objects.update(body='{"type": "of_tomorrow"}')
    with pytest.raises(spool.SpoolConflictError):
        spool.add(order_created(id="r-1"), "Timeout")


def test_follow_ups_of_another_content_undo_the_effect_and_are_not_dropped() -> None:
    first = order_created(id="r-1")
    spool.record([first], cause="c-1")
    spool.record([first], cause="c-1")
    with pytest.raises(spool.SpoolConflictError), transaction.atomic():
        spool.record([order_created(id="r-2"), order_created(id="r-1")], cause="c-2")
    assert SpooledEvent.objects.get().body == first.body


def test_what_is_relayed_while_a_copy_is_held_leaves_room_for_the_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = order_created()
    spool.add(event, "Timeout")
    find = spool._stored

    def relayed_meanwhile(request_id: str) -> SpooledEvent | None:
        SpooledEvent.objects.all().delete()
        return find(request_id)

    monkeypatch.setattr(spool, "_stored", relayed_meanwhile)
    spool.add(event, "Timeout")
    assert SpooledEvent.objects.get().body == event.body


def hold(*held: Event) -> None:
    for event in held:
        spool.add(event, "Timeout")


def test_of_rows_relayed_together_the_one_that_sqs_refuses_stays(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = order_created(order_id="POISON"), order_created()
    hold(bad, good)
    spoil(monkeypatch, "POISON", whole=False)
    assert spool.relay() == 1
    row = SpooledEvent.objects.get()
    assert (row.request_id, row.tries, row.refusal) == (bad.id, 1, "InternalError")
    assert [one.body for one in queues.receive("orders")] == [good.body]


def test_a_relay_goes_on_until_nothing_is_due_and_rests_between_its_transactions(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(spool, "sleep", rests.append)
    hold(*(order_created() for _ in range(25)))
    assert spool.relay(limit=10) == 10
    assert rests == []
    assert spool.relay(limit=10, seconds=60) == 15
    assert rests == [spool.REST] * 2
    assert not SpooledEvent.objects.exists()


def test_a_relay_ends_when_its_time_is_over(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(spool, "monotonic", lambda: next(clock))
    hold(*(order_created() for _ in range(25)))
    assert spool.relay(limit=5, seconds=3) == 15


@pytest.mark.usefixtures("no_sqs")
def test_a_relay_ends_when_sqs_is_away() -> None:
    hold(*(order_created() for _ in range(5)))
    assert spool.relay(limit=2, seconds=60) == 0
    assert SpooledEvent.objects.filter(tries=1).count() == 2


@pytest.mark.parametrize("gone", ["orders", "signups"])
def test_a_queue_that_refuses_keeps_no_other_in_the_spool(sqs: None, gone: str) -> None:
    queues.client().delete_queue(QueueUrl=queues.url(gone))
    signups = [signup_requested() for _ in range(45)]
    orders = [order_created() for _ in range(45)]
    hold(*(signups + orders if gone == "signups" else orders + signups))
    with time_machine.travel(timezone.now(), tick=False):  # none is due a second time
        assert spool.relay(limit=20, seconds=60) == 45
    left = SpooledEvent.objects.all()
    refused = signups if gone == "signups" else orders
    assert {row.request_id for row in left} == {event.id for event in refused}
    assert {row.tries for row in left} == {1}


def test_rows_of_another_release_do_not_end_a_relay(sqs: None) -> None:
    hold(*(order_created() for _ in range(4)))
    strange = SpooledEvent.objects.all()[:2]
    SpooledEvent.objects.filter(pk__in=[row.pk for row in strange]).update(body="{}")
    assert spool.relay(limit=2, seconds=60) == 2


def test_the_job_relays_more_than_one_transaction_takes(sqs: None) -> None:
    hold(*(order_created() for _ in range(101)))
    assert tasks.relay() == 101


@pytest.mark.parametrize("place", [0, 7, 14])
def test_a_row_that_cannot_be_read_anywhere_in_a_set_waits_and_holds_nobody_up(
    sqs: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: int,
) -> None:
    events = [order_created() for _ in range(15)]
    for event in events:
        spool.add(event, "ConnectTimeoutError")
    poison = events[place].id
    parse = envelope.parse

    def fail_for_poison(body: str, **more: Any) -> Any:
        if poison in body:
            raise RuntimeError("disk")
        return parse(body, **more)

    monkeypatch.setattr(envelope, "parse", fail_for_poison)
    assert spool.relay() == 14
    (left,) = SpooledEvent.objects.all()
    assert (left.request_id, left.tries, left.refusal) == (poison, 1, "RuntimeError")
    assert not left.refused_for_good
    assert f"request_id={poison} unread=1" in caplog.text
