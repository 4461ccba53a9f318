"""Each alarm of the list, fired and resolved by promtool from a story about its metrics."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from processing.infrastructure import prometheus
from processing.infrastructure.alarms import ALARMS, OF_EACH_QUEUE, Alarm
from tests.promtool import needs_promtool, promtool

NONE = "_"  # promtool: there is no sample
OF_ORDERS = 'queue="orders"'


@dataclass(frozen=True)
class Story:
    """A sample a minute for each series, from minute 0."""

    series: Mapping[str, Sequence[int | str]]
    fires: int
    """The minute in which the alarm sounds; in the one before it did not."""
    over: int
    """A minute in which it sounds no more."""


#: By the name of the alarm; what follows a comma tells two of one alarm apart.
STORIES = {
    "depth": Story(
        {
            # Two web processes say the same.
            'holdfast_queue_messages{queue="orders",instance="a"}':
                [1000] * 4 + [1001] * 12 + [0] * 3,
            'holdfast_queue_messages{queue="orders",instance="b"}':
                [1000] * 4 + [1001] * 12 + [0] * 3,
            'holdfast_queue_messages{queue="emails",instance="a"}': [1000] * 19,
        },
        fires=14, over=16,
    ),
    "age": Story(
        {f"holdfast_queue_oldest_seconds{{{OF_ORDERS}}}": [300] * 3 + [301] * 5 + [0] * 3},
        fires=6, over=8,
    ),
    "dlq": Story(
        {f"holdfast_dlq_messages{{{OF_ORDERS}}}": [0] * 3 + [1] + [0] * 5},
        fires=3, over=4,
    ),
    "dead": Story(
        {f"holdfast_dead_letters_arrived_total{{{OF_ORDERS}}}": [7] * 6 + [8] * 10},
        fires=6, over=12,
    ),
    "errors": Story(
        {
            f'holdfast_messages_processed_total{{{OF_ORDERS},status="failure",pod="a"}}':
                [0] * 6 + [*range(11, 111, 11)] + [110] * 9,
            # It is replaced, and counts from 0 again.
            f'holdfast_messages_processed_total{{{OF_ORDERS},status="failure",pod="b"}}':
                [500, 500] + [0] * 23,
            f'holdfast_messages_processed_total{{{OF_ORDERS},status="refused",pod="b"}}':
                [*range(0, 2500, 100)],
        },
        fires=11, over=21,
    ),
    "silent": Story(
        {"holdfast_jobs_seen_timestamp_seconds": [0] * 8 + [480, 540]}, fires=7, over=8
    ),
    "silent, without any metric": Story(
        {"holdfast_jobs_seen_timestamp_seconds": [*[NONE] * 10, 600]}, fires=7, over=10
    ),
    "open": Story(
        {
            f'holdfast_dead_letters{{{OF_ORDERS},state="quarantined"}}':
                [0] * 4 + [1] * 4 + [0] * 3,
            f'holdfast_dead_letters{{{OF_ORDERS},state="settled"}}': [99] * 11,
            f'holdfast_dead_letters{{{OF_ORDERS},state="redriven"}}': [9] * 11,
        },
        fires=4, over=8,
    ),
    "workers": Story(
        {
            f"holdfast_workers{{{OF_ORDERS}}}": [1] * 3 + [0] * 8 + [2],
            'holdfast_workers{queue="emails"}': [1] * 12,
        },
        fires=8,
        over=11,
    ),
    "circuit": Story(
        {f"holdfast_circuit_open_total{{{OF_ORDERS}}}": [0] * 6 + [3] * 12},
        fires=6, over=12,
    ),
    "unaccounted": Story(
        {'holdfast_unaccounted{reason="overdue"}': [0] * 4 + [2] * 4 + [0] * 3},
        fires=4, over=8,
    ),
    "archive": Story(
        {"holdfast_archive_waiting": [0] * 3 + [5] * 20 + [0] * 3}, fires=18, over=23
    ),
}  # fmt: skip


def alarm_of(story: str) -> Alarm:
    [found] = (one for one in ALARMS if one.name == story.partition(",")[0])
    return found


def test_every_alarm_of_the_list_has_a_story() -> None:
    assert {alarm_of(story) for story in STORIES} == set(ALARMS)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("prometheus") / "rules.yaml"
    found.write_text(prometheus.rules())
    return found


@needs_promtool
def test_promtool_finds_as_many_rules_as_there_are_alarms(file: Path) -> None:
    assert f"{len(ALARMS)} rules found" in promtool("check", "rules", file)


@needs_promtool
def test_every_alarm_fires_and_resolves(file: Path) -> None:
    tests = [rule_test(name, story) for name, story in STORIES.items()]
    written = file.with_name("tests.json")  # JSON is YAML too
    written.write_text(
        json.dumps(
            {"rule_files": [file.name], "evaluation_interval": "1m", "tests": tests}
        )
    )
    assert "SUCCESS" in promtool("test", "rules", written)


def rule_test(name: str, story: Story) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": series, "values": " ".join(map(str, values))}
            for series, values in story.series.items()
        ],
        "alert_rule_test": list(expected(alarm_of(name), story)),
    }


def expected(alarm: Alarm, story: Story) -> Iterator[dict[str, Any]]:
    of = {"queue": "orders"} if alarm in OF_EACH_QUEUE else {}
    sounding = {
        "exp_labels": {"severity": alarm.severity, **of},
        "exp_annotations": {"summary": alarm.sentence.format(queue="orders")},
    }
    for minute, alerts in (
        (story.fires - 1, []),
        (story.fires, [sounding]),
        (story.over, []),
    ):
        yield {
            "eval_time": f"{minute}m",
            "alertname": prometheus.name_of(alarm),
            "exp_alerts": alerts,
        }
