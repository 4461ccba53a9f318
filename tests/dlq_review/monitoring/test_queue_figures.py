"""The figures of the queues, from one count of their messages."""

import json

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from dlq_review.models import Operation
from dlq_review.monitoring import letter_figures, queue_figures, report
from dlq_review.monitoring.measured import Figures
from processing.metrics import emf
from processing.models import QueueProgress
from processing.sqs import publisher, queues
from processing.sqs.queues import Depth, Depths
from processing.sqs.topology import QUEUES
from tests.builders import order_created

pytestmark = pytest.mark.django_db
EMPTY = {name: Depth(0, 0) for one in QUEUES.values() for name in (one.name, one.dlq)}


def counted(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Depth], **empty_at: float
) -> queue_figures.Counted:
    """What is told at the second 1,000."""
    monkeypatch.setattr(queues, "depths", lambda: Depths(known, {}))
    return queue_figures.count(1_000.0, empty_at)


def figure(figures: Figures, name: str, *values: str) -> float | None:
    found = figures.by_name.get(f"holdfast_{name}", [])
    return {tuple(labels): number for labels, number in found}.get(values)


def test_a_message_that_a_worker_holds_does_not_wait_and_keeps_the_report_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not counted(monkeypatch, EMPTY).is_busy
    found = counted(monkeypatch, {**EMPTY, "orders": Depth(0, 2)}, orders=400.0)
    assert found.is_busy
    assert figure(found.figures, "queue_messages", "orders") == 0
    assert figure(found.figures, "queue_in_flight", "orders") == 2
    assert figure(found.figures, "queue_oldest_seconds", "orders") == 0
    assert found.empty_at["orders"] == 1_000


def test_what_the_desk_holds_of_a_dlq_is_still_in_the_dlq(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = counted(monkeypatch, {**EMPTY, "orders-dlq": Depth(1, 2)})
    assert figure(found.figures, "dlq_messages", "orders") == 3


@pytest.mark.parametrize("refused", ["orders", "orders-dlq"])
def test_a_queue_that_sqs_refuses_to_count_has_no_figures_and_is_remembered(
    monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    known = {name: depth for name, depth in EMPTY.items() if name != refused}
    found = counted(monkeypatch, known, **{refused: 300.0})
    assert figure(found.figures, "queue_messages", "orders") is None
    assert figure(found.figures, "queue_messages", "emails") == 0
    assert found.empty_at[refused] == 300


def test_a_message_of_a_queue_that_nobody_saw_empty_counts_from_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = counted(monkeypatch, {**EMPTY, "orders": Depth(1, 0)})
    assert figure(found.figures, "queue_oldest_seconds", "orders") == 0
    assert found.empty_at["orders"] == 1_000


def test_while_sqs_is_away_nobody_forgets_when_a_queue_was_empty(no_sqs: None) -> None:
    assert queue_figures.count(1_000.0, {"orders": 300.0}).empty_at == {"orders": 300}


def test_no_message_is_younger_than_0_where_a_clock_is_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    QueueProgress.note("orders", timezone.now())
    found = counted(monkeypatch, {**EMPTY, "orders": Depth(1, 0)}, orders=400.0)
    assert figure(found.figures, "queue_oldest_seconds", "orders") == 0


@pytest.mark.parametrize(("seconds", "made"), [(57.5, False), (58.5, True)])
def test_a_pull_that_comes_a_moment_early_measures_all_the_same(
    sqs: None, seconds: float, *, made: bool
) -> None:
    publisher.publish(order_created())
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        assert report.refresh()
        clock.shift(seconds)
        assert report.refresh() is made


def test_operations_are_counted_by_their_state() -> None:
    for state in ("running", "paused", "paused", "done"):
        Operation.objects.create(by="ada", cutoff=timezone.now(), state=state)
    figures = Figures()
    letter_figures.add_operations(figures)
    assert figure(figures, "operations", "running") == 1
    assert figure(figures, "operations", "paused") == 2


@pytest.mark.parametrize("told", [True, False])
def test_cloudwatch_is_told_where_it_is_turned_on_and_of_none_as_0(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    settings.METRICS_EMF = told
    lines: list[str] = []
    monkeypatch.setattr(emf, "tell", lines.extend)
    report.tell_cloudwatch()
    assert len(lines) == told
    assert [json.loads(line)["OpenDeadLetters"] for line in lines] == [0] * told
