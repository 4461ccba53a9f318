"""The alarms as rules of Prometheus, one for each alarm of the list.

The gauges are the same on all web processes, so an expression takes their maximum; the counts
of the processes are added up.
"""

import json
from collections.abc import Iterator

from processing.infrastructure.alarms import ALARMS, Alarm

HEAD = "# manage.py render_infra makes this file; docs/metrics.md tells where it is loaded.\n"


def name_of(alarm: Alarm) -> str:
    return f"Holdfast{alarm.name.capitalize()}"


def summary_of(alarm: Alarm, queue: str = "{{ $labels.queue }}") -> str:
    return alarm.sentence.format(queue=queue)


def rules() -> str:
    """A rule file, as YAML. A string of JSON is one of YAML too."""
    lines = ["groups:", "- name: holdfast", "  rules:"]
    return HEAD + "\n".join([*lines, *(line for one in ALARMS for line in _rule(one))])


def _rule(alarm: Alarm) -> Iterator[str]:
    yield f"  - alert: {name_of(alarm)}"
    yield f"    expr: {json.dumps(f'{alarm.promql} > {alarm.above}')}"
    yield f"    for: {alarm.minutes}m"
    yield f"    labels: {{severity: {alarm.severity}}}"
    yield f"    annotations: {{summary: {json.dumps(summary_of(alarm))}}}"
