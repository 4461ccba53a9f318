"""The panels of both dashboards: they show what Holdfast declares, in PromQL that parses."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from dlq_review.monitoring.gauges import ALL
from dlq_review.monitoring.report import FOR_CLOUDWATCH
from processing.infrastructure import grafana
from processing.infrastructure.alarms import ALARMS, OURS
from processing.infrastructure.panels import PANELS, Panel, Told
from processing.metrics.declared import SHOWN
from processing.sqs.topology import QUEUES
from tests.processing.infrastructure.rendering import messaging, of_type
from tests.promtool import needs_promtool, promtool

METRICS = settings.BASE_DIR / "docs/metrics.md"
NAME = re.compile(r"\bholdfast_\w+")
#: What SQS tells CloudWatch of a queue, as far as we show it.
OF_SQS = {
    "ApproximateAgeOfOldestMessage",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesVisible",
    "NumberOfMessagesReceived",
}
OF_OURS = {
    "MessagesProcessed",
    "ProcessingDuration",
    "OpenDeadLetters",
    *FOR_CLOUDWATCH,
}


def expressions() -> dict[str, str]:
    """The PromQL of panels, alarms and documents, by where it stands."""
    rows = re.findall(
        r"^\| (.+?) \| `(.*holdfast_.*\(.*|.*\(.*holdfast_.*)` \|$",
        METRICS.read_text(),
        re.MULTILINE,
    )
    assert len(rows) == 6
    return {
        **dict(rows),
        **{alarm.name: alarm.promql for alarm in ALARMS},
        **{f"{one.title}: {line.legend}": line.promql
           for one in PANELS for line in one.lines},
    }  # fmt: skip


def declared() -> dict[str, set[str]]:
    """The labels of each series, by its name."""
    found = {gauge.name: set(gauge.labels) for gauge in ALL.values()}
    for metric in SHOWN:
        found[metric.name] = set(metric.labels)
        if metric.kind == "histogram":
            found[f"{metric.name}_bucket"] = {*metric.labels, "le"}
            found[f"{metric.name}_count"] = found[f"{metric.name}_sum"] = set(
                metric.labels
            )
    return found


def test_an_expression_names_metrics_and_labels_that_holdfast_declares() -> None:
    known = declared()
    for where, promql in expressions().items():
        names = NAME.findall(promql)
        assert names, where
        assert set(names) <= known.keys(), where
        used = re.findall(r"\b(\w+)\s*(?:=~|!~|!=|=)\s*\"", promql)
        for listed in re.findall(r"\bby \((.+?)\)", promql):
            used += listed.split(", ")
        assert set(used) <= set().union(*(known[name] for name in names)), where


def test_a_legend_names_labels_that_the_expression_keeps() -> None:
    for panel in PANELS:
        for line in panel.lines:
            kept = re.search(r"\bby \((.+?)\)", line.promql)
            labels = set(kept[1].split(", ")) - {"le"} if kept else set()
            assert set(re.findall(r"{{(\w+)}}", line.legend)) == labels, line


def test_what_an_alarm_watches_is_shown() -> None:
    shown = {
        name
        for one in PANELS
        for line in one.lines
        for name in NAME.findall(line.promql)
    }
    for alarm in ALARMS:
        assert set(NAME.findall(alarm.promql)) <= shown, alarm.name


@needs_promtool
def test_every_expression_parses(tmp_path: Path) -> None:
    rules = [
        {"record": f"holdfast:{number}", "expr": promql}
        for number, promql in enumerate(expressions().values())
    ]
    file = tmp_path / "rules.json"  # JSON is YAML too
    file.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


SOURCE = {"type": "prometheus", "uid": "${source}"}


def test_grafana_shows_every_panel_once_and_none_above_another() -> None:
    panels = json.loads(grafana.dashboard())["panels"]
    assert [one["title"] for one in panels] == [one.title for one in PANELS]
    assert len({one["id"] for one in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    for one, other in combinations(places, 2):
        apart = (one["x"] + one["w"] <= other["x"], other["x"] + other["w"] <= one["x"])
        below = (one["y"] + one["h"] <= other["y"], other["y"] + other["h"] <= one["y"])
        assert any((*apart, *below))
    assert {one["x"] + one["w"] for one in places} == {12, 24}
    for panel, declared_one in zip(panels, PANELS, strict=True):
        shown = [(one["expr"], one["legendFormat"]) for one in panel["targets"]]
        assert shown == [(line.promql, line.legend) for line in declared_one.lines]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        sources = [
            panel["datasource"],
            *(one["datasource"] for one in panel["targets"]),
        ]
        assert sources == [SOURCE] * len(sources)


@pytest.mark.parametrize("panel", PANELS, ids=lambda one: one.title)
def test_grafana_draws_the_bound_of_an_alarm_and_is_red_above_it(panel: Panel) -> None:
    panels = json.loads(grafana.dashboard())["panels"]
    [drawn] = [one for one in panels if one["title"] == panel.title]
    found = drawn["fieldConfig"]["defaults"]
    assert (found["unit"], found["min"]) == (panel.unit, 0)
    assert ("thresholds" in found) == ("custom" in found) == bool(panel.alarm)
    if panel.alarm:
        [bound] = [one.above for one in ALARMS if one.name == panel.alarm]
        steps = [(one["color"], one["value"]) for one in found["thresholds"]["steps"]]
        assert steps == [("green", None), ("red", bound)]


def test_grafana_marks_the_alarms_that_sound_in_the_last_day() -> None:
    found = json.loads(grafana.dashboard())
    [marks] = found["annotations"]["list"]
    assert marks["expr"] == 'ALERTS{alertname=~"Holdfast.+", alertstate="firing"}'
    assert (marks["enable"], marks["datasource"]) == (True, SOURCE)
    assert (marks["titleFormat"], marks["textFormat"]) == (
        "{{alertname}}",
        "{{queue}}",
    )
    assert found["time"] == {"from": "now-24h", "to": "now"}
    assert (found["refresh"], found["timezone"]) == ("1m", "browser")
    [source] = found["templating"]["list"]
    assert (source["name"], source["query"]) == ("source", "prometheus")


def test_cloudwatch_shows_only_what_it_is_told() -> None:
    for panel in PANELS:
        if told := panel.cloudwatch:
            known = OF_OURS if told.namespace == OURS else OF_SQS
            assert told.metric in known, panel.title


def test_the_panels_of_cloudwatch_are_those_of_the_list() -> None:
    [dashboard] = of_type(messaging(), "AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    drawn = [panel for panel in PANELS if panel.cloudwatch]
    assert [one["properties"]["title"] for one in widgets] == [
        one.title for one in drawn
    ]
    for place, (widget, panel) in enumerate(zip(widgets, drawn, strict=True)):
        told, drawn_one = panel.cloudwatch, widget["properties"]
        assert told
        assert drawn_one["metrics"] == list(lines(told))
        assert (drawn_one["stat"], drawn_one["period"]) == (told.statistics[0], 60)
        assert drawn_one["region"] == "${AWS::Region}"
        assert (widget["x"], widget["y"]) == ([0, 12][place % 2], place // 2 * 6)


def lines(told: Told) -> Iterator[list[Any]]:
    """What a widget asks for: each queue or DLQ by its name, or our metric of this prefix."""
    if told.namespace == OURS and told.dimensions == ("Prefix",):
        yield [OURS, told.metric, "Prefix", "${Prefix}"]
    elif told.namespace == OURS:
        found = f'MetricName="{told.metric}" Prefix="${{Prefix}}"'
        for one in told.statistics:
            search = f"'{{Holdfast,Prefix,Queue,Status}} {found}', '{one}', 60"
            yield [{"expression": f"SEARCH({search})"}]
    else:
        first, *others = [f"${{Prefix}}{queue}{'-dlq' * told.dlq}" for queue in QUEUES]
        yield ["AWS/SQS", told.metric, "QueueName", first]
        yield from (["...", name] for name in others)


def test_the_panels_of_dead_letters_are_about_the_dlqs() -> None:
    of_dlqs = {one.title for one in PANELS if one.cloudwatch and one.cloudwatch.dlq}
    assert of_dlqs == {"Messages in a DLQ", "Dead letters that arrive"}
