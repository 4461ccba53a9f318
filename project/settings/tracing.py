"""Traces: which are sampled."""

from project.settings.process import env

# The share of traces that are sampled, of those that begin here.
TRACE_SAMPLE_RATE = env.float("TRACE_SAMPLE_RATE", 0.01)
# Whether a client decides by its traceparent that its trace is sampled.
TRACE_SAMPLED_BY_CLIENTS = env.bool("TRACE_SAMPLED_BY_CLIENTS", False)
