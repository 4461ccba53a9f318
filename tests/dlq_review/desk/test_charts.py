"""The charts of the overview show the counts of each queue, whatever their order."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from dlq_review.desk.charts import HEIGHT, WIDTH, chart, sparkline
from dlq_review.monitoring.failure_rates import Series

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)


def series(**queues: list[int]) -> Series:
    steps = len(next(iter(queues.values()), [0] * 3))
    starts = [BEGAN + timedelta(hours=number) for number in range(steps)]
    return Series(starts, queues)


def test_each_bar_has_the_tone_that_the_legend_gives_to_its_queue() -> None:
    found = chart(series(signups=[1, 0, 3], orders=[2, 4, 0], emails=[0, 0, 1]), "%H")
    assert found.legend == [(0, "emails", 1), (1, "orders", 6), (2, "signups", 4)]
    bars = {(bar.title, bar.tone) for bar in found.bars}
    assert bars == {
        ("02: 1 on emails", 0),
        ("00: 2 on orders", 1),
        ("01: 4 on orders", 1),
        ("00: 1 on signups", 2),
        ("02: 3 on signups", 2),
    }


def test_the_bars_of_one_step_stand_on_each_other_and_the_highest_fills_the_plot() -> (
    None
):
    found = chart(series(orders=[2, 6], signups=[1, 0]), "%H")
    assert found.highest == 6
    stacks = defaultdict(list)
    for bar in found.bars:
        stacks[bar.x].append(bar)
    first, second = (stacks[x] for x in sorted(stacks))
    assert [bar.height for bar in first] == [HEIGHT / 3, HEIGHT / 6]
    assert [bar.y for bar in first] == [HEIGHT - HEIGHT / 3, HEIGHT - HEIGHT / 2]
    assert [(bar.y, bar.height) for bar in second] == [(0, HEIGHT)]
    assert 0 < first[0].x < first[0].x + first[0].width < WIDTH / 2 < second[0].x
    assert second[0].x + second[0].width < WIDTH


@pytest.mark.parametrize(("steps", "labels"), [(3, 3), (14, 7), (24, 8)])
def test_the_labels_stand_below_the_middle_of_their_bars(
    steps: int, labels: int
) -> None:
    found = chart(series(orders=[1] * steps), "%d %H")
    assert len(found.labels) == labels
    middles = {
        bar.title[:5]: pytest.approx(bar.x + bar.width / 2, abs=0.11)
        for bar in found.bars
    }
    for x, text in found.labels:
        assert middles[text] == x
    assert found.labels[0][1] == "20 00"


def test_a_chart_of_nothing_has_no_bars() -> None:
    found = chart(series(), "%H")
    assert (found.bars, found.highest, found.legend) == ([], 0, [])
    assert sparkline([]) == sparkline([0, 0]) == ""


def test_a_sparkline_is_as_high_as_its_highest_count() -> None:
    assert sparkline([0, 1, 4]) == "M3 24v-6.0h2V24zM6 24v-24.0h2V24z"
