"""The report measures the system, seldom while it is idle, for all web processes."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import GROWTH
from dlq_review.letters import settlement
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import AlertDelivery, DeadLetter, Operation, Report
from dlq_review.monitoring import books, letter_figures, queue_figures, report
from dlq_review.monitoring.gauges import ALL
from dlq_review.monitoring.measured import Figures
from processing.delivery import processor, spool
from processing.events.envelope import Event
from processing.metrics import emf
from processing.metrics.declared import REPAIRS
from processing.models import QueueProgress
from processing.sqs import publisher, queues
from processing.sqs.topology import QUEUES
from tests.builders import (
    dead_letter,
    failed_attempt,
    order_created,
    redrive_now,
    redriven,
)

pytestmark = pytest.mark.django_db
START = timezone.now()


def figures() -> dict[str, float]:
    return {
        " ".join([family.name, *sample.labels.values()]): sample.value
        for family in report.shown()
        for sample in family.samples
    }


def measured(later: float = 0) -> dict[str, float]:
    """The gauges, *later* seconds after START."""
    with time_machine.travel(START + timedelta(seconds=later), tick=False):
        report.refresh()
    return figures()


def test_every_gauge_is_measured_for_every_label(sqs: None) -> None:
    report.refresh()
    for family in report.shown():
        gauge, number = ALL[family.name], 1
        for values in gauge.labels.values():
            number *= len(values)
        assert len(family.samples) == number, gauge.name
        assert gauge.meaning.endswith("."), gauge.name


def test_messages_of_queues_and_dlqs_are_counted(sqs: None) -> None:
    publisher.publish(order_created())
    publisher.publish(order_created())
    queues.receive("orders", limit=1)
    publisher.send_raw("emails", "never an event")
    client = queues.client()
    client.send_message(QueueUrl=queues.url("signups-dlq"), MessageBody="dead")
    found = measured()
    assert found["holdfast_queue_messages orders"] == 1
    assert found["holdfast_queue_in_flight orders"] == 1
    assert found["holdfast_queue_messages emails"] == 1
    assert found["holdfast_dlq_messages signups"] == 1
    assert found["holdfast_dlq_messages orders"] == 0
    assert found["holdfast_jobs_seen_timestamp_seconds"] == pytest.approx(
        START.timestamp(), abs=0.01
    )


def test_the_oldest_message_came_after_the_queue_was_seen_empty(sqs: None) -> None:
    assert measured()["holdfast_queue_oldest_seconds orders"] == 0
    publisher.publish(order_created())
    assert measured(300)["holdfast_queue_oldest_seconds orders"] == 300
    assert measured(600)["holdfast_queue_oldest_seconds orders"] == 600
    assert measured(600)["holdfast_queue_oldest_seconds emails"] == 0


def test_the_oldest_message_is_about_as_old_as_the_newest_that_was_delivered(
    sqs: None,
) -> None:
    measured()
    publisher.publish(order_created())
    QueueProgress.note("orders", START + timedelta(seconds=550))
    assert measured(600)["holdfast_queue_oldest_seconds orders"] == 50
    QueueProgress.note("orders", START + timedelta(seconds=100))  # a slower worker
    assert measured(700)["holdfast_queue_oldest_seconds orders"] == 150


def test_the_time_until_sqs_drops_a_message_is_told_before_it_does(sqs: None) -> None:
    name = "holdfast_queue_seconds_until_dropped orders"
    orders = QUEUES["orders"]
    assert measured()[name] == orders.retention
    publisher.publish(order_created())
    assert measured(1_000)[name] == orders.retention - 1_000
    client = queues.client()
    client.send_message(QueueUrl=queues.url("orders-dlq"), MessageBody="dead")
    day = 24 * 3600
    least = orders.dlq_retention - orders.retention
    assert measured(9 * day)[name] == 0  # of the queue
    queues.client().purge_queue(QueueUrl=queues.url("orders"))
    assert measured(9.5 * day)[name] == least - 9.5 * day + 1_000


def test_dead_letters_the_spool_and_the_books_are_measured(sqs: None) -> None:
    with time_machine.travel(START, tick=True):
        dead_letter()
        settlement.discard(dead_letter(), by="ada", reason="a test")
        redrive_now(dead_letter(), by="ada")
        spool.add(order_created(), "Timeout")
        failed_attempt(order_created())
    two_hours = 7_200
    found = measured(two_hours)
    states = {
        state: found[f"holdfast_dead_letters orders {state}"]
        for state in ("open", "claimed", "redriven", "settled")
    }
    assert states == {"open": 1, "claimed": 0, "redriven": 1, "settled": 1}
    assert found["holdfast_dead_letters_oldest_seconds orders"] >= two_hours - 60
    assert found["holdfast_redriven_overdue"] == 1
    assert found["holdfast_spool_events"] == 1
    assert found["holdfast_spool_oldest_seconds"] >= two_hours - 60
    unaccounted = {
        reason: found[f"holdfast_unaccounted {reason}"]
        for reason in books.DISCREPANCIES
    }
    assert {reason: number for reason, number in unaccounted.items() if number} == {
        "overdue": 1,
        "spooled": 1,
        "unheard_of": 1,
    }


def test_what_waits_for_the_archive_is_measured_while_there_is_one(
    sqs: None, settings: Settings
) -> None:
    dead_letter()
    assert measured()["holdfast_archive_waiting"] == 0
    settings.ARCHIVE_BUCKET = "archive"
    assert measured(600)["holdfast_archive_waiting"] == 1


def test_alerts_that_no_channel_has_taken_yet_are_measured(
    sqs: None, settings: Settings
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    for queue in ("orders", "signups", "emails"):
        raising.begin(GROWTH, queue, "Many failures.")
    AlertDelivery.objects.filter(name="growth/orders").update(state="sent")
    assert measured()["holdfast_alerts_waiting"] == 2


def test_cloudwatch_is_told_of_letters_spool_books_and_archive(
    sqs: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_EMF, settings.ARCHIVE_BUCKET = True, "archive"
    lines: list[str] = []
    monkeypatch.setattr(emf, "tell", lines.extend)
    with time_machine.travel(START, tick=True):
        dead_letter()
        spool.add(order_created(), "Timeout")
        failed_attempt(order_created())
    measured(7_200)
    report.tell_cloudwatch()
    [told] = map(json.loads, lines)
    names = ("OpenDeadLetters", "SpooledEvents", "Unaccounted", "ArchiveWaiting")
    assert [told[name] for name in names] == [1, 1, 2, 1]
    assert told["QueuesWithoutWorker"] == len(QUEUES)


def test_while_sqs_is_away_everything_else_is_measured(no_sqs: None) -> None:
    dead_letter()
    found = measured()
    assert found["holdfast_dead_letters orders open"] == 1
    assert "holdfast_queue_messages orders" not in found
    assert queue_figures.count(0, {}).is_busy, "nobody knows better"


def reports(between: Callable[[], Any] = lambda: None) -> list[int]:
    """The seconds at which a report was made in ten minutes of pulls, each 30 s."""
    made = []
    for second in range(0, 601, 30):
        with time_machine.travel(
            timezone.now() + timedelta(seconds=second), tick=False
        ):
            if report.refresh():
                made.append(second)
            between()
    return made


def operation(state: str) -> Operation:
    return Operation.objects.create(by="ada", cutoff=START, state=state)


def test_an_idle_system_is_measured_each_four_minutes(sqs: None) -> None:
    operation("paused")
    dead_letter()  # it waits for staff, and there is no archive
    assert reports() == [0, 240, 480]


@pytest.mark.parametrize(
    "wait",
    [
        publisher.publish,
        lambda event: spool.add(event, "Timeout"),
        dead_letter,
        lambda _: operation("running"),
    ],
    ids=["on a queue", "in the spool", "for the archive", "in an operation"],
)
def test_while_something_waits_it_is_measured_each_minute(
    sqs: None, settings: Settings, wait: Callable[[Event], Any]
) -> None:
    settings.ARCHIVE_BUCKET = "archive"
    wait(order_created())
    assert reports() == list(range(0, 601, 60))


@pytest.mark.parametrize(
    "happens",
    [
        lambda: QueueProgress.note("orders", timezone.now()),
        lambda: note_reveal("eve", "A list"),
    ],
    ids=["workers receive", "staff act"],
)
def test_it_is_measured_each_minute_while(
    sqs: None, happens: Callable[[], Any]
) -> None:
    assert reports(happens) == list(range(0, 601, 60))


@pytest.mark.parametrize(
    ("state", "seconds"), [("running", 60), ("paused", 240)], ids=["busy", "idle"]
)
def test_a_pull_that_comes_two_seconds_early_still_measures(
    sqs: None, state: str, seconds: int
) -> None:
    operation(state)
    measured()
    for early, is_due in ((2.1, False), (2, True)):
        with time_machine.travel(
            START + timedelta(seconds=seconds - early), tick=False
        ):
            assert report.refresh() == is_due


def test_a_figure_that_another_release_stored_is_left_out(sqs: None) -> None:
    report.refresh()
    row = Report.objects.get()
    row.figures["holdfast_of_tomorrow"] = [[[], 1]]
    row.figures["holdfast_queue_messages"] = [[["orders"], 7], [["parcels"], 8]]
    row.save()
    names = [name for name in figures() if name.startswith("holdfast_queue_messages")]
    assert names == ["holdfast_queue_messages orders"]
    assert "holdfast_of_tomorrow" not in figures()


@pytest.mark.django_db(transaction=True)
def test_repairs_are_counted_by_what_became_of_them(sqs: None) -> None:
    before = REPAIRS.totals()
    mended, broken = order_created(), order_created()
    letters = [dead_letter(mended), dead_letter(broken)]
    for letter in letters:
        redrive_now(letter, by="ada")
    processor.process(mended)
    settlement.reconcile()
    dead_letter(broken, attributes=redriven(refreshed(letters[1])))
    settlement.discard(refreshed(letters[1]), by="ada", reason="a test")
    settlement.restore(refreshed(letters[1]), by="ada")
    risen = {
        outcome: number - before[outcome,]
        for (outcome,), number in REPAIRS.totals().items()
    }
    assert risen == {
        "redriven": 2,
        "resolved": 1,
        "failed_again": 1,
        "discarded": 1,
        "restored": 1,
    }


def refreshed(letter: DeadLetter) -> DeadLetter:
    return DeadLetter.objects.get(pk=letter.pk)


@pytest.mark.parametrize("state", DeadLetter.State)
def test_a_letter_on_its_way_back_keeps_the_report_busy(state: str) -> None:
    dead_letter()
    DeadLetter.objects.update(state=state)
    is_on_its_way = state in ("claimed", "redriven")
    assert letter_figures.add_letters(Figures()) == is_on_its_way
