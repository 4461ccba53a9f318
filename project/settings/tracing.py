"""Traces: which are sampled, and where spans go; and links from the desk."""

from project.settings.process import env

# Where spans go, by OTLP over HTTP; empty for no spans. OpenTelemetry reads others of its
# variables itself.
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
# The share of traces that are sampled, of those that begin here.
TRACE_SAMPLE_RATE = env.float("TRACE_SAMPLE_RATE", 0.01)
# Whether a client decides by its traceparent that its trace is sampled.
TRACE_SAMPLED_BY_CLIENTS = env.bool("TRACE_SAMPLED_BY_CLIENTS", False)
# Addresses that the desk links to, with names in braces, such as {trace_id}.
TRACE_URL = env.str("TRACE_URL", "")
LOG_URL = env.str("LOG_URL", "")
