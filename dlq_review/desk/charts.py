"""Charts as numbers for SVG attributes; the colours are classes."""

from collections.abc import Iterator
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
