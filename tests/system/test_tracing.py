"""One trace through real processes, as a collector sees it."""

import json
from collections import Counter
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from dlq_review.models import Arrival
from processing.models import SpooledEvent
from processing.sqs import queues
from processing.tracing.context import Trace
from tests.live import PATIENCE, LiveSystem, free_port, wait_for
from tests.processing.sqs_server import Server, serving

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]
TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1, "congo=t61")
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
OF_XRAY = "5759e988bd862e3fe1be46a994272793"


@pytest.fixture
def collector() -> Iterator[Server]:
    with serving() as server:
        server.body = b""
        yield server


def spans(collector: Server) -> list[Span]:
    read = [ExportTraceServiceRequest.FromString(body) for _, body in collector.asked]
    return [
        span
        for one in read
        for of_process in one.resource_spans
        for scope in of_process.scope_spans
        for span in scope.spans
    ]


def names(collector: Server, trace_id: str) -> Counter[str]:
    found = [one for one in spans(collector) if one.trace_id.hex() == trace_id]
    return Counter(one.name for one in found)


def arrived(trace_id: str) -> bool:
    traces = [Trace.beside(one.attributes) for one in Arrival.objects.all()]
    return trace_id in [one.trace_id for one in traces if one]


def test_one_trace_from_a_request_that_sqs_did_not_take_to_its_dead_letter(
    system: LiveSystem, collector: Server
) -> None:
    tracing = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "TRACE_SAMPLED_BY_CLIENTS": "true",
    }
    away = f"http://127.0.0.1:{free_port()}"
    port = system.start_web(
        SQS_ENDPOINT_URL=away, OTEL_BSP_SCHEDULE_DELAY="100", **tracing
    )
    signup = json.dumps({"email": "ada@example.com", "name": "Ada"}).encode()
    headers = {"Content-Type": "application/json", **TRACE.attributes}
    request = Request(f"http://127.0.0.1:{port}/api/signups", signup, headers)
    with urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status == 202
    wait_for(lambda: spans(collector))
    system.kill(system.processes[-1])
    assert TRACE.trace_id in SpooledEvent.objects.get().trace

    queues.client().send_message(
        QueueUrl=queues.url("orders"),
        MessageBody="no event",
        MessageSystemAttributes={
            "AWSTraceHeader": {"DataType": "String", "StringValue": XRAY}
        },
    )
    worker = system.start_worker(
        EMAIL_URL=f"smtp://127.0.0.1:{free_port()}",
        OTEL_BSP_SCHEDULE_DELAY="60000",  # so that they leave when it stops
        **tracing,
    )
    system.start_beat()
    wait_for(lambda: arrived(TRACE.trace_id) and arrived(OF_XRAY))
    system.stop(worker)
    assert names(collector, TRACE.trace_id) == {
        "send signups": 2,  # to the spool, and from there
        "process signups": 1,
        "send emails": 1,
        "process emails": 3,
    }
    assert names(collector, OF_XRAY) == {"process orders": 1}
    assert f"trace_id={TRACE.trace_id}" in system.log("worker")
    assert b"ada@" not in b"".join(body for _, body in collector.asked)


@pytest.mark.parametrize("hangs", [True, False])
def test_a_collector_that_does_not_answer_holds_nobody_up(
    system: LiveSystem, collector: Server, hangs: bool
) -> None:
    collector.hangs, collector.status = hangs, 503
    worker = system.start_worker(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="100",
        TRACE_SAMPLE_RATE="1",
    )
    for _ in range(3):
        queues.client().send_message(
            QueueUrl=queues.url("orders"), MessageBody="no event"
        )
    wait_for(lambda: collector.asked)
    wait_for(lambda: system.log("worker").count("dead_lettered") == 3, patience=5)
    system.stop(worker)
