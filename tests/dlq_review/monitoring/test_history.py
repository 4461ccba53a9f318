"""The past of the queues, as the overview reads it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from dlq_review.monitoring import history, report
from dlq_review.monitoring.history import WINDOWS, Track, quantile
from processing.board import BOUNDS
from processing.models import Counts, QueueRecord, WorkerSign
from processing.models.history import STEPS
from processing.sqs.topology import QUEUES
from tests.dlq_review.threads import together

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 13, 7, 42, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


def track(window: str, queue: str = "") -> Track:
    [found] = (one for one in history.tracks(WINDOWS[window]) if one.queue == queue)
    return found


def test_every_window_is_as_long_as_its_steps_are_kept() -> None:
    for window in WINDOWS.values():
        assert window.count * timedelta(seconds=window.step) == STEPS[window.step]
    assert sorted(window.step for window in WINDOWS.values()) == sorted(STEPS)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_shows_its_steps_and_what_came_before_is_left_out(window: str) -> None:
    step = timedelta(seconds=WINDOWS[window].step)
    count = WINDOWS[window].count
    for back, number in ((0, 1), (1, 20), (count - 1, 300), (count, 4_000)):
        QueueRecord.add(NOW - back * step, {"orders": Counts(success=number)})
    numbers = track(window, "orders").numbers("success")
    assert len(numbers) == count
    assert (numbers[0], numbers[-2], numbers[-1]) == (300, 20, 1)
    assert sum(numbers) == 321


@pytest.mark.parametrize("window", WINDOWS)
def test_a_longer_step_of_the_same_start_is_not_taken_for_a_short_one(
    window: str,
) -> None:
    QueueRecord.add(NOW, {"orders": Counts(success=1)})
    assert track(window, "orders").numbers("success")[:-1] == [0] * (
        WINDOWS[window].count - 1
    )


def test_the_whole_system_is_the_sum_of_its_queues() -> None:
    QueueRecord.add(
        NOW,
        {
            "orders": Counts(3, 2, 1, durations=[6], waits=[0, 6]),
            "emails": Counts(1, 0, 0, durations=[0, 1]),
        },
    )
    QueueRecord.measure(
        NOW,
        {
            "": {"spooled": 7, "workers": 2},
            "orders": {"oldest": 4.0, "workers": 1},
            "emails": {"oldest": 9.0, "workers": 2},
        },
    )
    found = track("1h").records[-1]
    assert found
    assert (found.success, found.refused, found.failure) == (4, 2, 1)
    assert (found.durations, found.waits) == ([6, 1], [0, 6])
    assert (found.oldest, found.spooled, found.workers) == (9.0, 7, 2)


def test_of_a_queue_that_is_declared_no_more_nothing_is_shown() -> None:
    QueueRecord.add(NOW, {"parcels": Counts(success=9)})
    names = [one.queue for one in history.tracks(WINDOWS["1h"])]
    assert names == ["", *QUEUES]
    assert track("1h").numbers("success")[-1] == 0


def buckets(**numbers: int) -> list[int]:
    """By upper bounds in ms, as b50=3; `more` is above all of them."""
    found = [numbers.get(f"b{bound}", 0) for bound in BOUNDS]
    return [*found, numbers.get("more", 0)]


@pytest.mark.parametrize(
    ("found", "share", "ms"),
    [
        ([], 0.5, None),
        (buckets(), 0.5, None),
        (buckets(b10=4), 0.5, 7.5),
        (buckets(b10=4), 0.95, 9.75),
        (buckets(b1=1, b1000=1), 0.5, 1.0),
        (buckets(b1=95, b500=5), 0.95, 1.0),
        (buckets(b1=50, b500=50), 0.95, 470.0),
        (buckets(more=3), 0.5, 500_000.0),
        ([0, 0, 0, 4], 0.5, 7.5),
    ],
)
def test_a_quantile_is_estimated_as_prometheus_does(
    found: list[int], share: float, ms: float | None
) -> None:
    assert quantile(found, share) == (ms and pytest.approx(ms))


def test_workers_are_counted_by_the_queues_that_they_take_from() -> None:
    minutes_ago = {"gone": 40, "two": 1, "one": 0, "stopped": 0}
    for name, back in minutes_ago.items():
        with time_machine.travel(NOW - timedelta(minutes=back), tick=False):
            WorkerSign.note(name, ["jobs"] if name == "two" else ["orders", "emails"])
    WorkerSign.note("stopped", ["orders"], ended=True)
    found = history.workers()
    assert (found["orders"].alive, found["orders"].last_seen) == (1, NOW)
    assert found["jobs"].alive == 1
    assert found["jobs"].last_seen == NOW - timedelta(minutes=1)
    assert (found["returns"].alive, found["returns"].last_seen) == (0, None)
    assert found[""].alive == 2


def test_a_report_measures_workers_and_stores_what_the_overview_shows(
    sqs: None,
) -> None:
    WorkerSign.note("one", ["orders"])
    WorkerSign.note("two", ["orders", "jobs"])
    report.refresh()
    [workers] = (one for one in report.shown() if one.name == "holdfast_workers")
    by_queue = {one.labels["queue"]: one.value for one in workers.samples}
    assert by_queue == {**dict.fromkeys(QUEUES, 0), "orders": 2, "jobs": 1}
    assert track("1h", "orders").worst("workers")[-1] == 2
    assert track("24h", "orders").worst("oldest")[-1] == 0
    assert track("14d").worst("spooled")[-1] == 0
    assert track("14d").worst("workers")[-1] == 2


@pytest.mark.django_db(transaction=True)
def test_workers_that_store_at_once_lose_no_count() -> None:
    def store() -> None:
        for queue in ("orders", "emails"):
            QueueRecord.add(
                NOW, {queue: Counts(1, durations=[0, 1]), "jobs": Counts(1)}
            )

    together(*[store] * 4)
    assert track("1h").numbers("success")[-1] == 16
    found = track("1h", "orders").records[-1]
    assert found
    assert found.durations == [0, 4]


def test_a_worker_that_restarts_often_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "MOST_SIGNS", 2)
    WorkerSign.note("steady", ["orders"])
    WorkerSign.objects.update(at=NOW - timedelta(seconds=60))
    for number in range(3):
        WorkerSign.note(f"restarts/{number}", ["emails"], ended=True)
    found = history.workers()
    assert (found["orders"].alive, found["emails"].alive, found[""].alive) == (1, 0, 1)
    assert found["orders"].last_seen == NOW - timedelta(seconds=60)
