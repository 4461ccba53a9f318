"""Metrics: who may read them, and whether CloudWatch gets them as log lines."""

from project.settings.process import env

# The port that answers /metrics without a token; 0 for none. Never a public one.
METRICS_PORT = env.int("METRICS_PORT", 0)
METRICS_HOST = env.str("METRICS_HOST", "127.0.0.1")
# Whoever has it reads /metrics of the site; empty for nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
METRICS_EMF = env.bool("METRICS_EMF", False)
