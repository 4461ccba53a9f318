"""Spans by the SDK of OpenTelemetry, which the extra `tracing` brings; spans.py imports this.

Each process has a provider of its own, which is not the global one: instrumentation that an
operator adds keeps its own. Spans leave in the background, and those that find no room in the
SDK's queue are dropped; no event waits for them.
"""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState

from processing.tracing.context import Trace
from processing.tracing.spans import SEND, Fact, Span

TIMEOUT = 3  # seconds for one export; a process that stops waits for the last one
_KINDS = {SEND: SpanKind.PRODUCER}
#: The names that OpenTelemetry gives to facts; others begin with `holdfast.`
_NAMES = {
    "error": "error.type",
    "message_id": "messaging.message.id",
    "correlation_id": "messaging.message.conversation_id",
}


class Recorded(Span):
    __slots__ = ("_otel",)

    def __init__(self, span: otel.Span) -> None:
        super().__init__(_carried(span.get_span_context()))
        self._otel = span

    def tell(self, **facts: Fact) -> None:
        if not facts.get("error", True):
            del facts["error"]
        for name, fact in facts.items():
            self._otel.set_attribute(_NAMES.get(name, f"holdfast.{name}"), fact)
        if "error" in facts:
            self._otel.set_status(otel.StatusCode.ERROR)

    def end(self, error: str = "") -> None:
        self.tell(error=error)
        self._otel.end()

    def made_current(self) -> AbstractContextManager[Any]:
        return otel.use_span(
            self._otel, record_exception=False, set_status_on_exception=False
        )


class Spans:
    """Begins spans in a provider of its own, which *processor* exports."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(_OfNew(settings.TRACE_SAMPLE_RATE)),
            # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
            resource=Resource(
                {"service.name": "holdfast", "service.version": settings.RELEASE}
            ).merge(OTELResourceDetector().detect()),
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("holdfast")

    def begin(
        self, step: str, queue: str, parent: Trace | None, failed: Trace | None
    ) -> Recorded:
        span = self._tracer.start_span(
            f"{step} {queue}",
            context=_context(step, parent, failed),
            kind=_KINDS.get(step, SpanKind.CONSUMER),
            links=[Link(_of(failed))] if failed else [],
            attributes={
                "messaging.system": "aws_sqs",
                "messaging.operation.name": step,
                "messaging.operation.type": step,
                "messaging.destination.name": queue,
            },
        )
        return Recorded(span)

    def stop(self) -> None:
        self._provider.shutdown()


def over_http(endpoint: str) -> Spans | None:
    """Spans that leave in the background, some at a time; None if OpenTelemetry is switched off,
    whose spans then have ids of zeros, which must not be carried on."""
    if os.environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true":
        return None
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=TIMEOUT)
    return Spans(BatchSpanProcessor(exporter))


class _OfNew(Sampler):
    """Whether a trace that begins here is sampled: a share of them, and each that is linked to
    a sampled one."""

    def __init__(self, rate: float) -> None:
        self._share = TraceIdRatioBased(rate)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        linked = any(one.context.trace_flags.sampled for one in links or ())
        chosen = ALWAYS_ON if linked else self._share
        return chosen.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        return f"linked, or {self._share.get_description()}"


def _context(step: str, parent: Trace | None, failed: Trace | None) -> Context | None:
    """The context with *parent*; None for the one of this thread, which other
    instrumentation of the request may have set."""
    if parent:
        span = otel.NonRecordingSpan(_of(parent))
        return otel.set_span_in_context(span, Context())
    return None if step == SEND and not failed else Context()


def _of(trace: Trace) -> SpanContext:
    return SpanContext(
        int(trace.trace_id, 16),
        int(trace.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(trace.flags),
        trace_state=TraceState.from_header([trace.state]) if trace.state else None,
    )


def _carried(context: SpanContext) -> Trace:
    return Trace(
        otel.format_trace_id(context.trace_id),
        otel.format_span_id(context.span_id),
        context.trace_flags & 3,
        context.trace_state.to_header(),
    )
