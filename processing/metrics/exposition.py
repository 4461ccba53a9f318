"""Metrics as text for Prometheus: its own format, or OpenMetrics 1.0 for who asks for it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from processing.board import BOUNDS, Counter, Histogram, Metric
from processing.metrics.declared import SHOWN

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Mapping[str, str]
    value: float
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples."""

    name: str
    kind: str
    meaning: str
    samples: Sequence[Sample] = field(default_factory=list)


def counted() -> list[Family]:
    """The metrics that the processes of this pool have counted."""
    return [
        Family(metric.name, metric.kind, metric.meaning, list(_samples(metric)))
        for metric in SHOWN
    ]


def _samples(metric: Metric) -> Iterator[Sample]:
    if isinstance(metric, Counter):
        for values, total in metric.totals().items():
            yield Sample(dict(zip(metric.labels, values, strict=True)), total)
    elif isinstance(metric, Histogram):
        for values, buckets in metric.totals().items():
            labels = dict(zip(metric.labels, values, strict=True))
            yield from _of_histogram(labels, buckets)


def _of_histogram(
    labels: Mapping[str, str], buckets: Sequence[tuple[int, int]]
) -> Iterator[Sample]:
    below = 0
    bounds = [*(f"{ms / 1000:g}" for ms in BOUNDS), "+Inf"]
    for bound, (number, _) in zip(bounds, buckets, strict=True):
        below += number
        yield Sample({**labels, "le": bound}, below, "_bucket")
    yield Sample(labels, sum(ms for _, ms in buckets) / 1000, "_sum")
    yield Sample(labels, below, "_count")


def content_type(accept: str) -> str:
    """The format for the header Accept of a scraper."""
    wanted = accept.lower().replace(" ", "")
    return OPENMETRICS if "application/openmetrics-text" in wanted else PROMETHEUS


def text(families: Iterable[Family], content_type: str = PROMETHEUS) -> str:
    """Every metric, also one without a sample."""
    openmetrics = content_type == OPENMETRICS
    lines = [line for one in families for line in _lines(one, openmetrics)]
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _lines(family: Family, openmetrics: bool) -> Iterator[str]:
    name = family.name
    if openmetrics and family.kind == "counter":
        name = name.removesuffix("_total")  # samples keep it
    yield f"# HELP {name} {family.meaning}"
    yield f"# TYPE {name} {family.kind}"
    for sample in family.samples:
        pairs = ",".join(f'{name}="{text}"' for name, text in sample.labels.items())
        braces = f"{{{pairs}}}" if pairs else ""
        yield f"{family.name}{sample.suffix}{braces} {_number(sample.value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
