"""What a trace costs: an event and a request that belong to one, beside those that do not.

Measured as the metrics are (metrics.py). Spans are made and batched as they are in production,
and thrown away where they would be sent.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from django.conf import settings
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from benchmarks import metrics
from processing.tracing import spans
from processing.tracing.context import Trace
from processing.tracing.exporter import Spans

_TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


class _Nowhere(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """There is nothing to close."""


def compare(*, rounds: int) -> dict[str, dict[str, metrics.Cost]]:
    """By what is done with the traces, the cost with them and without."""
    settings.TRACE_SAMPLED_BY_CLIENTS = True
    ours = Spans(BatchSpanProcessor(_Nowhere()))
    found = {
        "there is none": metrics.costs(rounds, _no_spans),
        "carried": _cost(rounds, sampled=True),
    }
    with mock.patch.object(spans, "_exporter", return_value=ours):
        found["not sampled, with a collector"] = _cost(rounds, sampled=False)
        found["sampled, with a collector"] = _cost(rounds, sampled=True)
    ours.stop()
    return found


def _cost(rounds: int, *, sampled: bool) -> dict[str, metrics.Cost]:
    trace = _TRACE.sampled_if(sampled)
    return metrics.costs(rounds, _no_spans, trace.attributes)


@contextmanager
def _no_spans() -> Iterator[None]:
    nothing = spans.Span(None)
    with (
        mock.patch.object(spans, "begin", return_value=nothing),
        mock.patch.object(spans, "opened", _opened),
    ):
        yield


@contextmanager
def _opened(*_: object) -> Iterator[spans.Span]:
    yield spans.Span(None)
