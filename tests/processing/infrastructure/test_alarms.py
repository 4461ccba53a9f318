"""Each alarm of CloudWatch, fired and resolved.

No emulator knows dimensions, periods and missing data: `sounds` decides as CloudWatch's
documents say. test_alarms_deployed.py asks an emulator for what it knows.
"""

import re
from statistics import fmean
from typing import Any

import pytest
from django.conf import settings

from processing.infrastructure.alarms import ALARMS, OF_EACH_QUEUE
from tests.processing.infrastructure.rendering import alarms

Figures = list[float | None]  # one a minute
MISSING = None
#: What makes each alarm sound, and what ends it.
BOUNDS: dict[str, tuple[float | None, float]] = {
    "depth": (1001, 1000),
    "age": (301, 300),
    "dlq": (1, 0),
    "dead": (1, 0),
    "errors": (11 / 5, 10 / 5),
    "silent": (MISSING, 0),
    "open": (1, 0),
    "workers": (1, 0),
    "circuit": (1, 0),
    "unaccounted": (1, 0),
    "archive": (1, 0),
}
STATISTICS: dict[str, Any] = {
    "Average": fmean,
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
    "SampleCount": len,
}


def test_every_alarm_of_the_list_has_its_bounds() -> None:
    assert BOUNDS.keys() == {alarm.name for alarm in ALARMS}


@pytest.mark.parametrize("name", BOUNDS)
def test_an_alarm_sounds_beyond_its_bound_for_long_enough_and_ends_at_it(
    name: str,
) -> None:
    is_of_queue = name in {one.name for one in OF_EACH_QUEUE}
    alarm = alarms()[f"orders-{name}" if is_of_queue else name]
    bad, good = BOUNDS[name]
    period = alarm["Period"] // 60
    length = period * alarm["EvaluationPeriods"]
    quiet: Figures = [good] * 20
    loud: Figures = [bad] * length
    assert not sounds(alarm, quiet)
    assert not sounds(alarm, [*quiet, *loud[:-period]])
    assert sounds(alarm, [*quiet, *loud])
    assert not sounds(alarm, [*quiet, *loud, *quiet[:period]])


def sounds(alarm: dict[str, Any], figures: Figures) -> bool:
    """Whether each of the last periods lies beyond the bound."""
    period = alarm["Period"] // 60
    recent = figures[-period * alarm["EvaluationPeriods"] :]
    starts = range(0, len(recent), period)
    return all(is_beyond(alarm, recent[at : at + period]) for at in starts)


def is_beyond(alarm: dict[str, Any], figures: Figures) -> bool:
    known = [figure for figure in figures if figure is not MISSING]
    if not known:
        return bool(alarm["TreatMissingData"] == "breaching")
    figure = STATISTICS[alarm["Statistic"]](known)
    bound = alarm["Threshold"]
    bound = 0 if isinstance(bound, dict) else bound  # a parameter has its default
    is_low = alarm["ComparisonOperator"] == "LessThanThreshold"
    return bool(figure < bound if is_low else figure > bound)


def test_the_documents_list_every_alarm() -> None:
    page = (settings.BASE_DIR / "docs/deploy.md").read_text()
    for alarm in ALARMS:
        name = f"*queue*-{alarm.name}" if alarm in OF_EACH_QUEUE else alarm.name
        row = rf"\| {re.escape(name)} \| .+ \| {alarm.severity} \|"
        assert re.search(row, page), alarm.name
