"""A figure of 0 is not a figure that nobody measured, and steps are added up."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from dlq_review.monitoring import history, report
from dlq_review.monitoring.history import WINDOWS, Track
from processing.models import Counts, QueueRecord, WorkerSign

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 13, 7, 42, tzinfo=UTC)
STEP = timedelta(seconds=300)


@pytest.fixture(autouse=True)
def now() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


def track(queue: str) -> Track:
    [found] = (one for one in history.tracks(WINDOWS["1h"]) if one.queue == queue)
    return found


def test_an_age_of_0_is_shown_where_none_was_measured_nothing_is() -> None:
    QueueRecord.measure(NOW, {"orders": {"oldest": 0.0}})
    QueueRecord.add(NOW - STEP, {"orders": Counts(success=1)})
    for queue in ("orders", ""):
        assert track(queue).worst("oldest") == [*[None] * 11, 0.0]


def test_of_all_steps_the_numbers_are_added_and_one_quantile_is_taken() -> None:
    QueueRecord.add(NOW - 3 * STEP, {"orders": Counts(2, 3, 5, durations=[9])})
    QueueRecord.add(NOW, {"orders": Counts(1, durations=[0, 0, 0, 1])})
    found = track("orders")
    assert sum(found.numbers("success", "refused", "failure")) == 11
    assert found.quantile("durations", 0.9) == 1
    assert found.quantiles("durations", 0.5)[-1] == pytest.approx(7.5)
    assert found.quantiles("durations", 0.5)[-2] is None


def test_a_worker_that_is_gone_is_not_counted_by_the_report(sqs: None) -> None:
    with time_machine.travel(NOW - timedelta(minutes=9), tick=False):
        WorkerSign.note("gone", ["orders"])
    WorkerSign.note("one", ["orders"])
    report.refresh()
    assert track("").worst("workers")[-1] == 1
    assert track("orders").worst("workers")[-1] == 1


def test_of_many_workers_that_are_gone_the_last_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "MOST_SIGNS", 1)
    for days in (0, 2, 1):
        with time_machine.travel(NOW - timedelta(days=days), tick=False):
            WorkerSign.note(f"worker/{days}", ["emails"], ended=True)
    assert history.workers()["emails"] == history.Workers(0, NOW)
