"""With the extra `tracing`: one trace from the request to the dead letter, as spans."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from dlq_review.redrive.terms import NotSentError
from processing.delivery import processor, spool
from processing.handlers import registry
from processing.sqs import queues
from processing.sqs.message import Message
from processing.tracing import context, spans
from processing.tracing.context import Trace
from tests.builders import (
    dead_letter,
    message,
    order_created,
    order_data,
    redrive_now,
    signup_requested,
)
from tests.conftest import forget_failures
from tests.intake.clients import post
from tests.processing.one_poll import in_sets, work_through
from tests.processing.refused_entries import spoil

TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1, "congo=t61")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


def told(exported: InMemorySpanExporter) -> list[tuple[str, str, str]]:
    """Of each span: its name, its trace, and the name of its parent."""
    found = exported.get_finished_spans()
    names = {span_id(one): one.name for one in found}
    in_order = sorted(found, key=lambda one: one.start_time or 0)
    return [(one.name, trace_id(one), parent_of(one, names)) for one in in_order]


def trace_id(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return otel.format_trace_id(context.trace_id)


def span_id(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return otel.format_span_id(context.span_id)


def parent_of(span: ReadableSpan, names: dict[str, str]) -> str:
    if span.parent is None:
        return ""
    parent = otel.format_span_id(span.parent.span_id)
    return names.get(parent, parent)


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def take(queue: str) -> Any:
    (found,) = queues.receive(queue)
    return found


def test_one_trace_from_the_request_to_the_dead_letter(
    client: Client, exported: InMemorySpanExporter
) -> None:
    signup = {"email": "ada@example.com", "name": "Ada"}
    post(client, "/api/signups", signup, **TRACE.attributes)
    processor.handle(take("signups"))
    mail = take("emails")
    processor.handle(message("no event", queue="emails", attributes=mail.attributes))
    puller.pull()
    assert told(exported) == [
        ("send signups", TRACE.trace_id, TRACE.span_id),
        ("process signups", TRACE.trace_id, "send signups"),
        ("send emails", TRACE.trace_id, "process signups"),
        ("process emails", TRACE.trace_id, "send emails"),
    ]
    letter = DeadLetter.objects.get()
    arrived = Trace.beside(letter.arrivals.get().attributes)
    assert arrived is not None
    assert (arrived.trace_id, arrived.state) == (TRACE.trace_id, TRACE.state)
    by_name = {one.name: one for one in exported.get_finished_spans()}
    assert by_name["send signups"].kind == SpanKind.PRODUCER
    processed, failed = by_name["process signups"], by_name["process emails"]
    assert (processed.kind, processed.status.is_ok) == (SpanKind.CONSUMER, True)
    assert (
        facts(processed).items()
        >= {
            "messaging.system": "aws_sqs",
            "messaging.operation.type": "process",
            "messaging.destination.name": "signups",
            "holdfast.outcome": "processed",
        }.items()
    )
    assert "error.type" not in facts(processed)
    assert facts(failed)["error.type"] == "UnreadableEventError"
    assert not failed.status.is_ok
    assert "ada@" not in "".join(one.to_json() for one in exported.get_finished_spans())


TAKEN = order_created()


@pytest.mark.parametrize(
    ("delivered", "ended"),
    [
        (
            message(TAKEN, id="m-1", receive_count=2),
            {
                "holdfast.request_id": TAKEN.id,
                "messaging.message.conversation_id": TAKEN.correlation_id,
                "holdfast.outcome": "processed",
            },
        ),
        (
            message("no event of Ada", id="m-1", receive_count=2),
            {
                "holdfast.request_id": "m-1",
                "messaging.message.conversation_id": "m-1",
                "holdfast.outcome": "dead_lettered",
                "error.type": "UnreadableEventError",
            },
        ),
    ],
)
def test_a_span_tells_of_its_delivery_what_the_log_does_and_nothing_of_people(
    exported: InMemorySpanExporter, delivered: Message, ended: dict[str, Any]
) -> None:
    processor.handle(delivered)
    (span,) = exported.get_finished_spans()
    assert facts(span) == {
        "messaging.system": "aws_sqs",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "orders",
        "messaging.message.id": "m-1",
        "holdfast.receive_count": 2,
        "holdfast.set": 1,
        **ended,
    }


def test_a_request_without_a_trace_begins_one(
    client: Client, exported: InMemorySpanExporter
) -> None:
    post(client, "/api/orders", order_data())
    ((name, trace, parent),) = told(exported)
    assert (name, parent) == ("send orders", "")
    assert take("orders").trace.trace_id == trace


def test_each_event_of_a_batch_is_sent_by_a_span_of_its_own(
    client: Client, exported: InMemorySpanExporter
) -> None:
    events = [{"type": "order_created", "data": order_data()} for _ in range(3)]
    post(client, "/api/batches", {"events": events}, **TRACE.attributes)
    assert told(exported) == [("send orders", TRACE.trace_id, TRACE.span_id)] * 3
    sent = {one.trace.span_id for one in queues.receive("orders") if one.trace}
    assert sent == {span_id(one) for one in exported.get_finished_spans()}


def five() -> tuple[list[Trace], list[Any]]:
    traces = [TRACE.another() for _ in range(5)]
    events = [signup_requested(email=f"c{number}@x.com") for number in range(5)]
    return traces, [
        message(event, attributes=one.attributes)
        for event, one in zip(events, traces, strict=True)
    ]


def pairs(exported: InMemorySpanExporter, name: str) -> set[tuple[str, str]]:
    return {(trace, parent) for one, trace, parent in told(exported) if one == name}


def test_five_events_of_a_set_are_five_traces(exported: InMemorySpanExporter) -> None:
    traces, messages = five()
    assert in_sets(*messages) == [messages]
    ids = {one.trace_id for one in traces}
    assert pairs(exported, "process signups") == {
        (one.trace_id, one.span_id) for one in traces
    }
    assert pairs(exported, "send emails") == {(one, "process signups") for one in ids}
    sent = {one.trace.trace_id for one in queues.receive("emails") if one.trace}
    assert sent == ids
    spans = exported.get_finished_spans()
    assert {facts(one).get("holdfast.set") for one in spans} == {5, None}


def test_events_of_a_set_that_failed_are_told_once(
    exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(events: Sequence[Any]) -> Any:
        raise OSError

    monkeypatch.setattr(registry, "apply_set", refuse)
    traces, messages = five()
    work_through(messages)
    processed = [one for one in told(exported) if one[0] == "process signups"]
    assert len(processed) == 5
    assert {trace for _, trace, _ in processed} == {one.trace_id for one in traces}


def test_a_delivery_that_is_tried_again_is_told_as_failed(
    exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_: Any) -> None:
        raise OSError("disk of ada@example.com")

    monkeypatch.setitem(registry.HANDLERS, "order_created", break_down)
    with pytest.raises(processor.RetryLaterError):
        processor.handle(message(order_created()))
    (failed,) = exported.get_finished_spans()
    assert facts(failed)["holdfast.outcome"] == "failed"
    assert "disk of" not in failed.to_json()
    assert failed.events == ()


def test_what_waited_in_the_spool_is_sent_in_its_trace(
    client: Client, settings: Any, exported: InMemorySpanExporter
) -> None:
    with_sqs = settings.SQS_QUEUE_URLS
    settings.SQS_QUEUE_URLS = {name: f"{url}-gone" for name, url in with_sqs.items()}
    post(client, "/api/orders", order_data(), **TRACE.attributes)
    settings.SQS_QUEUE_URLS = with_sqs
    forget_failures()
    spool.relay()
    assert told(exported) == [
        ("send orders", TRACE.trace_id, TRACE.span_id),
        ("send orders", TRACE.trace_id, "send orders"),
    ]
    first, again = exported.get_finished_spans()
    assert "NonExistentQueue" in facts(first)["holdfast.refused"]
    assert take("orders").trace.span_id == span_id(again)


def test_a_redrive_is_a_trace_of_its_own_with_a_link(
    exported: InMemorySpanExporter,
) -> None:
    redrive_now(dead_letter(attributes=TRACE.attributes), by="ada")
    processor.handle(take("orders"))
    (_, trace, root), *others = told(exported)
    assert root == ""
    assert trace != TRACE.trace_id
    assert others == [("process orders", trace, "send orders")]
    for span in exported.get_finished_spans():
        (link,) = span.links
        assert otel.format_trace_id(link.context.trace_id) == TRACE.trace_id


def test_of_redrives_sqs_refuses_the_spans_tell_why_and_of_which_letter(
    exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine, bad = dead_letter(), dead_letter(order_created(customer_id="C-SPOILT"))
    spoil(monkeypatch, "C-SPOILT", whole=False)
    for letter in (fine, bad):
        with suppress(NotSentError):
            redrive_now(letter, by="ada")
    for letter, span in zip((fine, bad), exported.get_finished_spans(), strict=True):
        found = facts(span)
        assert found["holdfast.dead_letter"] == letter.pk
        assert found["holdfast.request_id"] == letter.request_id
        assert ("error.type" in found) is (letter is bad)
        assert span.status.is_ok is not (letter is bad)


@pytest.mark.parametrize("exported", [0], indirect=True)
def test_of_traces_that_begin_here_those_linked_to_a_sampled_one_are_sampled(
    exported: InMemorySpanExporter,
) -> None:
    unseen = dead_letter(attributes=TRACE.sampled_if(False).attributes)
    redrive_now(unseen, by="ada")
    redrive_now(dead_letter(), by="ada")
    assert exported.get_finished_spans() == ()
    redrive_now(dead_letter(attributes=TRACE.attributes), by="ada")
    assert len(exported.get_finished_spans()) == 1


def test_a_trace_that_is_not_sampled_is_carried_and_not_exported(
    client: Client, exported: InMemorySpanExporter
) -> None:
    headers = TRACE.sampled_if(False).attributes
    post(client, "/api/orders", order_data(), **headers)
    asked = take("orders")
    processor.handle(asked)
    assert exported.get_finished_spans() == ()
    assert (asked.trace.trace_id, asked.trace.sampled) == (TRACE.trace_id, False)


def test_sends_join_the_span_that_other_instrumentation_has_open(
    client: Client, exported: InMemorySpanExporter
) -> None:
    outer = TracerProvider().get_tracer("django")
    with outer.start_as_current_span("POST /api/orders") as request:
        post(client, "/api/orders", order_data())
        processor.handle(message(order_created()))
    of_request = otel.format_trace_id(request.get_span_context().trace_id)
    (_, sent, _), (_, processed, parent) = told(exported)
    assert sent == of_request
    assert processed != of_request
    assert parent == ""


def test_a_step_that_breaks_off_is_told_with_the_type_of_its_error_alone(
    exported: InMemorySpanExporter,
) -> None:
    step = spans.opened(spans.SEND, "orders", TRACE)
    with pytest.raises(OSError, match="disk"), step:
        raise OSError("disk of ada@example.com")
    (span,) = exported.get_finished_spans()
    assert facts(span)["error.type"] == "OSError"
    assert not span.status.is_ok
    assert "ada@" not in span.to_json()
    assert context.current() is None


def test_a_redrive_joins_no_span_of_the_page_that_asked_for_it(
    exported: InMemorySpanExporter,
) -> None:
    tracer = TracerProvider().get_tracer("django")
    with tracer.start_as_current_span("POST /admin") as page:
        redrive_now(dead_letter(attributes=TRACE.attributes), by="ada")
    (sent,) = exported.get_finished_spans()
    assert sent.parent is None
    page_trace = otel.format_trace_id(page.get_span_context().trace_id)
    assert trace_id(sent) not in (TRACE.trace_id, page_trace)
