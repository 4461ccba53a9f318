"""Charts as numbers for SVG attributes; the colours are classes."""

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
    sums = [sum(step) for step in zip(*series.queues.values(), strict=True)]
    highest = max(sums, default=0)
    room = WIDTH / steps
    bars = []
    base = [0.0] * steps
    for tone, (queue, counts) in enumerate(sorted(series.queues.items())):
        for number, count in enumerate(counts):
            if count:
                height = HEIGHT * count / highest
                base[number] += height
                when = series.starts[number].strftime(time_format)
                title = f"{when}: {count} on {queue}"
                x, y = number * room + room * 0.12, HEIGHT - base[number]
                bars.append(
                    Bar(
                        round(x, 1),
                        round(y, 1),
                        round(room * 0.76, 1),
                        round(height, 1),
                        tone,
                        title,
                    )
                )
    every = max(1, steps // 7)
    labels = [
        (round(number * room + room / 2, 1), start.strftime(time_format))
        for number, start in enumerate(series.starts)
        if number % every == 0
    ]
    legend = [
        (tone, queue, sum(counts))
        for tone, (queue, counts) in enumerate(sorted(series.queues.items()))
    ]
    return Chart(bars, highest, labels, legend)


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
