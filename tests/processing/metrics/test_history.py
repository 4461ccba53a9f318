"""What a worker's parent stores once a minute: its counts by queue, and that it is there."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.utils import timezone

from processing.board import BOUNDS
from processing.metrics import tally
from processing.metrics.declared import FAILURE, REFUSED, SUCCESS
from processing.metrics.history import Unstored
from processing.models import ALL_QUEUES, Counts, QueueRecord, WorkerSign
from processing.models.history import ALIVE, STEPS
from processing.sqs.topology import QUEUES
from processing.worker import metrics_step
from processing.worker.metrics_step import Minute

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 13, 7, 42, tzinfo=UTC)


def records(queue: str = "orders") -> dict[int, QueueRecord]:
    return {row.step: row for row in QueueRecord.objects.filter(queue=queue)}


def test_each_length_of_step_has_a_record_of_what_was_counted() -> None:
    unstored = Unstored()
    tally.ended("orders", SUCCESS, 3)
    tally.ended("orders", SUCCESS, 4)
    tally.ended("orders", REFUSED, 700)
    tally.ended("orders", FAILURE, 999_999)
    tally.died("orders")
    unstored.store(AT)
    found = records()
    assert {step: f"{row.start:%d %H:%M}" for step, row in found.items()} == {
        300: "20 13:05",
        3_600: "20 13:00",
        21_600: "20 12:00",
    }
    for row in found.values():
        assert (row.success, row.refused, row.failure) == (2, 1, 2)
        assert row.durations[BOUNDS.index(5)] == 2
        assert row.durations[BOUNDS.index(1_000)] == 1
        assert row.durations[-1] == 1
        assert sum(row.durations) == 4


def test_nothing_is_stored_twice_and_nothing_while_nothing_happens() -> None:
    unstored = Unstored()
    unstored.store(AT)
    assert not QueueRecord.objects.exists()
    for _ in range(3):
        tally.ended("orders", SUCCESS, 1)
        unstored.store(AT)
    other_worker = {"orders": Counts(success=4), "emails": Counts(failure=1)}
    QueueRecord.add(AT + timedelta(minutes=2), other_worker)
    assert {row.success for row in records().values()} == {7}
    assert {row.failure for row in records("emails").values()} == {1}
    assert QueueRecord.objects.count() == 2 * len(STEPS)


def test_counts_that_the_database_did_not_take_are_stored_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unstored = Unstored()
    tally.ended("orders", SUCCESS, 1)
    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(QueueRecord, "add", away)
        unstored.store(AT)
    unstored.store(AT)
    assert records()[300].success == 1


def away(*_: object) -> None:
    raise OperationalError("away")


def test_histograms_of_another_release_are_added_as_far_as_they_go() -> None:
    QueueRecord.add(AT, {"orders": Counts(durations=[1, 2, 3])})
    QueueRecord.add(AT, {"orders": Counts(durations=[1, 1])})
    assert records()[300].durations == [2, 3, 3]


def test_of_what_is_measured_often_the_worst_is_kept() -> None:
    for oldest, workers in ((3.0, 2), (9.0, 1), (4.0, 3)):
        figures = {"oldest": oldest, "workers": workers}
        QueueRecord.measure(AT, {"orders": figures, ALL_QUEUES: {"spooled": oldest}})
    row = records()[300]
    assert (row.oldest, row.workers, row.spooled) == (9.0, 1, None)
    assert records(ALL_QUEUES)[300].spooled == 9


def test_records_are_kept_until_the_midnight_after_they_are_shown_last() -> None:
    QueueRecord.add(AT, {"orders": Counts(success=1)})
    assert {step: f"{row.kept_until:%d %H:%M}" for step, row in records().items()} == {
        300: "21 00:00",
        3_600: "22 00:00",
        21_600: "05 00:00",
    }


def test_a_worker_signs_each_minute_and_says_when_it_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept_open = SimpleNamespace(close=lambda: None)  # the test's own connection
    monkeypatch.setattr(metrics_step, "connection", kept_open)
    minute = Minute("machine/1")
    minute.queues = ["orders", "emails"]
    minute.end()
    minute.end()
    assert [one.queues for one in WorkerSign.alive()] == [["orders", "emails"]]
    minute.end(last=True)
    assert not WorkerSign.alive().exists()
    assert WorkerSign.objects.get().at <= timezone.now()


def test_a_worker_that_says_nothing_is_not_alive_for_long() -> None:
    WorkerSign.note("machine/1", list(QUEUES))
    WorkerSign.objects.update(at=timezone.now() - ALIVE - timedelta(seconds=1))
    assert not WorkerSign.alive().exists()
