from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from processing.tracing import spans
from processing.tracing.exporter import Spans


@pytest.fixture(autouse=True)
def trusted(settings: Any) -> Iterator[None]:
    """Clients say whether a trace is sampled, and no test meets the limits of another."""
    settings.TRACE_SAMPLED_BY_CLIENTS = True
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def exported(
    request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> InMemorySpanExporter:
    """The spans that are exported. Every new trace is sampled, unless a test asks for less."""
    settings.TRACE_SAMPLE_RATE = getattr(request, "param", 1)
    kept = InMemorySpanExporter()
    ours = Spans(SimpleSpanProcessor(kept))
    monkeypatch.setattr(spans, "_exporter", lambda *_: ours)
    return kept
