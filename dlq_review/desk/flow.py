"""How the queues ran over a window of time: one row a queue, one small picture a figure.

Each picture has its figures beside it in words, and hides itself from screen readers.
"""

from dataclasses import dataclass
from datetime import datetime
from math import inf
from operator import add
from typing import Any

from dlq_review.desk.charts import bars, stairs
from dlq_review.monitoring import history, report
from dlq_review.monitoring.history import WINDOWS, Track, Window, Workers
from processing.models import ALL_QUEUES

USUAL = "24h"
NOTHING = "–"
#: Each unit in ms, and from where on the next one is used.
_UNITS = (
    (1_000, "s", 100_000),
    (60_000, "min", 3_600_000),
    (3_600_000, "h", 172_800_000),
    (86_400_000, "d", inf),
)


@dataclass(frozen=True, slots=True)
class Shape:
    kind: str
    """Its class: how it is drawn."""
    path: str


@dataclass(frozen=True, slots=True)
class Cell:
    name: str
    """The head of its column."""
    shapes: list[Shape]
    figures: list[str]
    warning: str = ""
    """One more figure, which is bad."""
    seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    cells: list[Cell]


def flow(asked: str) -> dict[str, Any]:
    """The context of the overview for the window *asked*, a key of WINDOWS or anything."""
    chosen = asked if asked in WINDOWS else USUAL
    window = WINDOWS[chosen]
    tracks, workers = history.tracks(window), history.workers()
    oldest, spooled = _now()
    rows = [
        Row(
            track.queue or "All, with our own jobs",
            [
                _processed(track, window),
                _time("Processing time", track, "durations"),
                _time("Wait in the queue", track, "waits"),
                _oldest(track, oldest),
                _workers(track, workers[track.queue]),
            ],
        )
        for track in tracks
    ]
    return {
        "windows": [(name, one.words, name == chosen) for name, one in WINDOWS.items()],
        "since": window.starts[0],
        "step": in_words(window.step * 1000),
        "rows": rows,
        "spool": _spool(tracks[0], spooled),
    }


def _now() -> tuple[dict[str, float], float | None]:
    """The age of each queue's oldest message, and the spool: as measured last."""
    figures = report.last_figures().by_name
    ages = figures.get(report.FOR_OVERVIEW["oldest"], ())
    spool = figures.get(report.FOR_OVERVIEW["spooled"], ())
    oldest = {values[0]: age for values, age in ages}
    if oldest:
        oldest[ALL_QUEUES] = max(oldest.values())
    return oldest, next((number for _, number in spool), None)


def _processed(track: Track, window: Window) -> Cell:
    done, failed = track.numbers("success", "refused"), track.numbers("failure")
    both = list(map(add, done, failed))
    fastest = max(both) / (window.step / 60)
    figures = [f"{sum(done):,} processed"]
    if any(both):
        figures.append(f"at most {fastest:,.3g} a minute")
    warning = f"{sum(failed):,} failed" if any(failed) else ""
    shapes = [
        Shape("of-work", bars(both, max(both))),
        Shape("of-failure", bars(failed, max(both))),
    ]
    return Cell("Processed", shapes, figures, warning)


def _time(name: str, track: Track, histogram: str) -> Cell:
    """The median and the 95th percentile."""
    usual, slow = (track.quantiles(histogram, share) for share in (0.5, 0.95))
    highest = max((ms for ms in slow if ms is not None), default=0)
    shapes = [
        Shape("of-p95", stairs(slow, highest)),
        Shape("of-p50", stairs(usual, highest)),
    ]
    figures = [
        f"p{share} {in_words(track.quantile(histogram, share / 100))}"
        for share in (50, 95)
    ]
    return Cell(name, shapes, figures if highest else ["none"])


def _oldest(track: Track, now: dict[str, float]) -> Cell:
    ages = track.worst("oldest")
    highest = max((age for age in ages if age is not None), default=0)
    figures = [f"now {_seconds(now.get(track.queue))}"]
    if highest:
        figures.append(f"at most {_seconds(highest)}")
    shapes = [Shape("of-work", bars([age or 0 for age in ages], highest))]
    return Cell("Oldest message, about", shapes, figures)


def _workers(track: Track, workers: Workers) -> Cell:
    numbers = track.worst("workers")
    highest = max((number for number in numbers if number is not None), default=0)
    shapes = [Shape("of-p50", stairs(numbers, highest))]
    fewest = min((number for number in numbers if number is not None), default=None)
    figures = [f"{workers.alive} alive"] if workers.alive else []
    if fewest is not None:
        figures.append(f"fewest {fewest:.0f}")
    warning = "" if workers.alive else "none alive"
    return Cell("Workers", shapes, figures, warning, workers.last_seen)


def _spool(track: Track, now: float | None) -> Cell:
    numbers = [number or 0 for number in track.worst("spooled")]
    highest = max(numbers)
    shown = NOTHING if now is None else f"{now:,.0f}"
    figures = [f"now {shown} events", f"at most {highest:,.0f}"]
    return Cell("Spool", [Shape("of-work", bars(numbers, highest))], figures)


def _seconds(seconds: float | None) -> str:
    return in_words(None if seconds is None else seconds * 1000)


def in_words(ms: float | None) -> str:
    """A length of time in a unit of which there are few."""
    if ms is None:
        return NOTHING
    if ms < 1_000:
        return f"{ms:.0f}\u00a0ms" if ms else "0\u00a0s"
    size, unit = next((size, unit) for size, unit, most in _UNITS if ms < most)
    digits = 0 if ms >= 10 * size else 1
    return f"{ms / size:.{digits}f}".removesuffix(".0") + f"\u00a0{unit}"
