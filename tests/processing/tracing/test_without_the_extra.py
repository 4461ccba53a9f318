"""Nothing of OpenTelemetry is needed, and nothing of it is imported unless spans are exported."""

import subprocess
import sys

from processing.tracing.context import Trace
from tests.documents import ROOT

TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1)
CODE = f"""
import logging, sys
from django.conf import settings

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Blocked())
settings.configure(OTEL_EXPORTER_OTLP_ENDPOINT=sys.argv[1])
logging.basicConfig(format="%(message)s")
from processing.tracing import context, spans

given = context.Trace.read("{TRACE.traceparent}")
for _ in range(2):
    with spans.opened(spans.SEND, "orders", given) as span:
        span.tell(request_id="r-1", error="OSError")
        assert context.carried() == span.carried == given.attributes
    assert spans.begin(spans.PROCESS, "orders", None).carried == {{}}
    redriven = spans.begin(spans.SEND, "orders", None, given)
    assert redriven.trace.trace_id != given.trace_id
    spans.stop()
"""


def said(endpoint: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CODE, endpoint],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr


def test_without_the_packages_the_trace_is_carried_and_that_is_said_once() -> None:
    assert said("") == ""
    assert said("http://127.0.0.1:4318") == "spans=not_exported missing=opentelemetry\n"
