"""The variables of OpenTelemetry itself, which the exporter finds in the environment."""

from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from processing.tracing import spans
from processing.tracing.context import Trace
from processing.tracing.exporter import Spans

TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1, "congo=t61")


@pytest.mark.parametrize("off", ["true", " TRUE "])
def test_without_the_sdk_a_trace_is_carried_as_without_a_collector(
    monkeypatch: pytest.MonkeyPatch, settings: Any, off: str
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", off)
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://127.0.0.1:9/{off.strip()}"
    assert spans.begin(spans.SEND, "orders", None).carried == {}
    assert spans.begin(spans.SEND, "orders", TRACE).trace == TRACE
    redriven = spans.begin(spans.SEND, "orders", None, TRACE).trace
    assert redriven is not None
    assert redriven.trace_id not in (TRACE.trace_id, "0" * 32)


def test_a_variable_that_opentelemetry_refuses_costs_spans_and_no_event(
    monkeypatch: pytest.MonkeyPatch, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "many")
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:9/wrong"
    for _ in range(2):
        assert spans.begin(spans.SEND, "orders", TRACE).trace == TRACE
    spans.stop()
    assert [one.getMessage() for one in caplog.records] == [
        "spans=not_exported reason=ValueError"
    ]


@pytest.mark.parametrize("name", ["", "shop"])
def test_a_service_has_the_name_that_its_environment_gives_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    kept = InMemorySpanExporter()
    ours = Spans(SimpleSpanProcessor(kept))
    ours.begin(spans.SEND, "orders", TRACE, None).end()
    (span,) = kept.get_finished_spans()
    assert span.resource.attributes["service.name"] == (name or "holdfast")
