"""The pictures of the overview, drawn as a browser does: which step is how high."""

import re
from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree

import pytest
from django.test import Client

from dlq_review.monitoring.history import WINDOWS
from processing.models import Counts, QueueRecord
from tests.dlq_review.desk_pages import html

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("standing_clock")]

Point = tuple[float, float]
Levels = dict[int, float]
"""By the number of the step: the share of the height of the picture."""
ROUND = 0.06  # units: each number of a path has one digit


def points(path: str) -> Iterator[list[Point]]:
    """The corners of each part of *path*."""
    part: list[Point] = []
    for verb, text in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(one) for one in text.split()]
        x, y = part[-1] if part else (0.0, 0.0)
        match verb, numbers:
            case "M", [to_x, to_y]:
                if part:
                    yield part
                part = [(to_x, to_y)]
            case "H", [to]:
                part.append((to, y))
            case "V", [to]:
                part.append((x, to))
            case "h", [by]:
                part.append((x + by, y))
            case "v", [by]:
                part.append((x, y + by))
            case "z", []:
                pass
            case _:
                raise AssertionError(f"{verb}{text} is not known here")
    if part:
        yield part


def bar_levels(path: str, steps: int, width: float, height: float) -> Levels:
    """Each part is a bar that stands on the ground in its own step."""
    room, found = width / steps, {}
    for (left, ground), (_, top), (right, level), (_, end) in points(path):
        step = int(left / room)
        assert ground == end == height
        assert top == level
        assert step * room < left < right < (step + 1) * room
        assert right - left == pytest.approx(room * 0.8, abs=2 * ROUND)
        found[step] = (height - top) / (height - 1)
    return found


def stair_levels(path: str, steps: int, width: float, height: float) -> Levels:
    """Each level line is as long as its step; the ground is a line and seen."""
    room, found = width / steps, {}
    for part in points(path):
        for (x, y), (to_x, to_y) in zip(part, part[1:], strict=False):
            if x == to_x:
                continue
            step = round(x / room)
            assert y == to_y
            assert (x, to_x) == pytest.approx(
                (step * room, (step + 1) * room), abs=ROUND
            )
            found[step] = (height - 1 - y) / (height - 2)
    return found


def pictures(page: str, name: str, steps: int) -> list[dict[str, Levels]]:
    """Of each cell in the row *name*: the levels of each line or row of bars, by class."""
    table = page.partition('<table class="flow">')[2]
    row = table.partition(f'<th scope="row">{name}</th>')[2].partition("</tr>")[0]
    found = []
    for text in re.findall(r"<svg class=\"picture\".*?</svg>", row, re.DOTALL):
        svg = ElementTree.fromstring(text)  # noqa: S314 - our own
        left, top, width, height = map(float, svg.attrib["viewBox"].split())
        assert (left, top, svg.attrib["preserveAspectRatio"]) == (0, 0, "none")
        levels = {}
        for shape in svg:
            kind, path = shape.attrib["class"], shape.attrib["d"]
            for x, y in (point for part in points(path) for point in part):
                assert -ROUND <= x <= width + ROUND
                assert 0 <= y <= height
            is_line = kind in ("of-p50", "of-p95")
            read = stair_levels if is_line else bar_levels
            levels[kind] = read(path, steps, width, height)
        found.append(levels)
    return found


def near(**kinds: Levels) -> dict[str, object]:
    return {
        kind.replace("_", "-"): pytest.approx(levels, abs=0.004)
        for kind, levels in kinds.items()
    }


#: Deliveries by their time. Buckets end at 1, 2, 5, 10, 20, 50 and 100 ms.
TWO_KINDS = [0, 0, 0, 0, 50, 0, 50]  # p50 is 20 ms, p95 95 ms
MIDDLING = [0, 0, 0, 0, 0, 100]  # 35 and 48.5
QUICK = [0, 10]  # 1.5 and 1.95
SLOW = [0, 0, 0, 0, 10]  # 15 and 19.5
COUNTS = {
    "orders": {
        2: Counts(60, 10, 30, durations=TWO_KINDS, waits=QUICK),
        5: Counts(20, 0, 20, durations=MIDDLING),
        11: Counts(0, 0, 10, waits=SLOW),
    },
    "emails": {2: Counts(100)},
}
MEASURED = {
    "orders": {
        0: {"oldest": 30},
        1: {"workers": 4},
        2: {"workers": 2},
        3: {"workers": 0},
        5: {"oldest": 120, "workers": 3},
        11: {"oldest": 60},
    },
    "emails": {3: {"oldest": 240}},
    "": {1: {"workers": 8}, 2: {"workers": 6}, 4: {"spooled": 50}, 9: {"spooled": 10}},
}
ORDERS = [
    near(of_work={2: 1, 5: 0.4, 11: 0.1}, of_failure={2: 0.3, 5: 0.2, 11: 0.1}),
    near(of_p95={2: 1, 5: 48.5 / 95}, of_p50={2: 20 / 95, 5: 35 / 95}),
    near(of_p95={2: 0.1, 11: 1}, of_p50={2: 1.5 / 19.5, 11: 15 / 19.5}),
    near(of_work={0: 0.25, 5: 1, 11: 0.5}),
    near(of_p50={1: 1, 2: 0.5, 3: 0, 5: 0.75}),
]
EMAILS = [near(of_work={2: 1}), {}, {}, near(of_work={3: 1}), {}]
ALL = [
    near(of_work={2: 1, 5: 0.2, 11: 0.05}, of_failure={2: 0.15, 5: 0.1, 11: 0.05}),
    ORDERS[1],
    ORDERS[2],
    near(of_work={0: 0.125, 3: 1, 5: 0.5, 11: 0.25}),
    near(of_p50={1: 1, 2: 0.75}),
]
SPOOL = [near(of_work={4: 1, 9: 0.2})]


def record(moments: list[datetime]) -> None:
    for queue, counts in COUNTS.items():
        for step, count in counts.items():
            QueueRecord.add(moments[step], {queue: count})
    for queue, figures in MEASURED.items():
        for step, figure in figures.items():
            QueueRecord.measure(moments[step], {queue: figure})


@pytest.mark.parametrize("asked", WINDOWS)
def test_each_picture_is_as_high_as_its_greatest_figure(
    admin_client: Client, no_sqs: None, asked: str
) -> None:
    window = WINDOWS[asked]
    record(window.starts)
    page = html(admin_client, f"/admin/?over={asked}")
    kept = {
        "orders": ORDERS,
        "emails": EMAILS,
        "All, with our own jobs": ALL,
        "Spool": SPOOL,
        "signups": [{}] * 5,
    }
    for name, expected in kept.items():
        assert pictures(page, name, window.count) == expected, name


def test_the_running_step_is_the_last(admin_client: Client, no_sqs: None) -> None:
    for window in WINDOWS.values():
        QueueRecord.add(window.starts[-1], {"orders": Counts(success=1)})
    for asked, window in WINDOWS.items():
        page = html(admin_client, f"/admin/?over={asked}")
        (work,) = pictures(page, "orders", window.count)[0].values()
        assert max(work) == window.count - 1
