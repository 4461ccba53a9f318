"""Charts as numbers for SVG attributes; the colours are classes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dlq_review.monitoring.failure_rates import Series

WIDTH, HEIGHT = 640, 150  # of the plot, in SVG units


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    tone: int
    """Which queue: one of the classes s0, s1, ..."""
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    bars: list[Bar]
    highest: int
    labels: list[tuple[float, str]]
    """(x, text) below the plot."""
    legend: list[tuple[int, str, int]]
    """(tone, queue, total)."""


def chart(series: Series, time_format: str) -> Chart:
    """Stacked bars, one a step, one tone a queue."""
    steps = len(series.starts)
    every = max(1, steps // 7)
    room = WIDTH / steps
    labels = [
        (round(number * room + room / 2, 1), start.strftime(time_format))
        for number, start in enumerate(series.starts)
        if number % every == 0
    ]
    legend = [
        (tone, queue, sum(counts))
        for tone, (queue, counts) in enumerate(sorted(series.queues.items()))
    ]
    highest = max(map(sum, zip(*series.queues.values(), strict=True)), default=0)
    return Chart(list(_bars(series, time_format, highest)), highest, labels, legend)


def _bars(series: Series, time_format: str, highest: int) -> Iterator[Bar]:
    room = WIDTH / len(series.starts)
    base = [0.0] * len(series.starts)
    for tone, (queue, counts) in enumerate(sorted(series.queues.items())):
        for number, count in enumerate(counts):
            if not count:
                continue
            height = HEIGHT * count / highest
            base[number] += height
            when = series.starts[number].strftime(time_format)
            yield Bar(
                x=round(number * room + room * 0.12, 1),
                y=round(HEIGHT - base[number], 1),
                width=round(room * 0.76, 1),
                height=round(height, 1),
                tone=tone,
                title=f"{when}: {count} on {queue}",
            )


#: Of a picture of one figure: it is as wide as its place, so every number of steps fits.
LONG, HIGH = 240, 40


def bars(values: Sequence[float], highest: float) -> str:
    """A bar for each value above 0, as the data of one SVG path."""
    room = LONG / len(values)
    return "".join(
        f"M{number * room + room * 0.1:.1f} {HIGH}"
        f"v-{max(1, (HIGH - 1) * value / highest):.1f}h{room * 0.8:.1f}V{HIGH}z"
        for number, value in enumerate(values)
        if value
    )


def stairs(values: Sequence[float | None], highest: float) -> str:
    """A line that is level for each step, with gaps where there is no value."""
    room, path, was_known = LONG / len(values), "", False
    for number, value in enumerate(values):
        if value is not None and highest:
            y = HIGH - 1 - (HIGH - 2) * value / highest
            begin = f"V{y:.1f}" if was_known else f"M{number * room:.1f} {y:.1f}"
            path += f"{begin}H{(number + 1) * room:.1f}"
        was_known = value is not None
    return path


def sparkline(counts: list[int]) -> str:
    """Bars 2 wide every 3 units, at most 24 high, as the data of one SVG path.

    A single path is faster to render than 42 elements, and an inbox shows fifty sparklines.
    """
    highest = max(counts, default=0)
    return "".join(
        f"M{number * 3} 24v-{24 * count / highest:.1f}h2V24z"
        for number, count in enumerate(counts)
        if count
    )
