"""The dashboard of Grafana, from the list of panels. It asks for the data source itself."""

import json
from typing import Any

from processing.infrastructure.alarms import ALARMS
from processing.infrastructure.panels import PANELS, Panel

WIDTH, HEIGHT = 12, 8  # of a panel; a row of Grafana is 24 wide
SOURCE = {"type": "prometheus", "uid": "${source}"}
BOUNDS = {alarm.name: alarm.above for alarm in ALARMS}


def dashboard() -> str:
    return json.dumps(
        {
            "uid": "holdfast",
            "title": "Holdfast",
            "description": "Made by manage.py render_infra from Holdfast's list of panels.",
            "tags": ["holdfast"],
            "schemaVersion": 39,
            "timezone": "browser",
            "refresh": "1m",
            "time": {"from": "now-24h", "to": "now"},
            "graphTooltip": 1,  # all panels show the same moment
            "templating": {"list": [_choice_of_source()]},
            "annotations": {"list": [_alarms()]},
            "panels": [_panel(number, one) for number, one in enumerate(PANELS)],
        },
        indent=1,
    )


def _choice_of_source() -> dict[str, Any]:
    return {
        "name": "source",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _alarms() -> dict[str, Any]:
    """Marks in each panel while an alarm sounds."""
    return {
        "name": "Alarms",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Holdfast.+", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{queue}}",
        "step": "60s",
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    x, y = number % 2 * WIDTH, number // 2 * HEIGHT
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": {
            "legend": {
                "displayMode": "table",
                "placement": "right",
                "calcs": ["lastNotNull", "max"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": line.promql,
                "legendFormat": line.legend,
                "range": True,
            }
            for place, line in enumerate(panel.lines)
        ],
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    found: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.alarm:
        steps = [
            {"color": "green", "value": None},
            {"color": "red", "value": BOUNDS[panel.alarm]},
        ]
        found["thresholds"] = {"mode": "absolute", "steps": steps}
        found["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return found
