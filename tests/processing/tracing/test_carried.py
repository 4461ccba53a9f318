"""The trace of a request is carried wherever the request goes, without any dependency."""

import json
import logging
from typing import Any

import pytest
from django.test import Client

from dlq_review.models import Arrival, DeadLetter
from dlq_review.pull import puller, refused_by_sqs
from processing.delivery import processor, spool
from processing.delivery.error_texts import Formatter
from processing.delivery.json_lines import JSONFormatter
from processing.events.attributes import MOST, Attributes
from processing.events.attributes import size as size_of
from processing.models import SpooledEvent
from processing.sqs import entries, queues
from processing.sqs.message import Message, message_from
from processing.sqs.topology import MAX_MESSAGE_BYTES
from processing.tracing.context import Trace, within
from tests.builders import (
    dead_letter,
    message,
    order_created,
    redrive_now,
    signup_requested,
)
from tests.conftest import forget_failures
from tests.intake.clients import post
from tests.intake.public_pages import signup_form
from tests.processing.one_poll import in_sets

TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1, "congo=t61")
SIGNUP = {"email": "ada@example.com", "name": "Ada"}
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
OF_XRAY = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"

pytestmark = pytest.mark.django_db


def received(queue: str) -> Message:
    (found,) = queues.receive(queue)
    return found


def attributes_of(letter: DeadLetter) -> dict[str, str]:
    found: dict[str, str] = Arrival.objects.filter(letter=letter).get().attributes
    return found


def test_one_trace_from_the_request_to_the_dead_letter(
    client: Client, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client, "/api/signups", SIGNUP, **TRACE.attributes)
    asked = received("signups")
    assert asked.trace == TRACE
    processor.handle(asked)
    mail = received("emails")
    assert mail.trace == TRACE
    processor.handle(message("no event", queue="emails", attributes=mail.attributes))
    puller.pull()
    assert Trace.beside(attributes_of(DeadLetter.objects.get())) == TRACE


def test_each_way_into_the_site_carries_the_trace(client: Client, sqs: None) -> None:
    events = [{"type": "signup_requested", "data": SIGNUP}]
    post(client, "/api/batches", {"events": events}, **TRACE.attributes)
    client.post("/signups/new", signup_form(client), headers=TRACE.attributes)
    assert [one.trace for one in queues.receive("signups")] == [TRACE, TRACE]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": "ada@example.com"},
        {"traceparent": f"{TRACE.traceparent}, {TRACE.traceparent}"},
        {"tracestate": "congo=t61"},
    ],
)
def test_a_header_that_is_not_right_is_ignored(
    client: Client, sqs: None, headers: dict[str, str]
) -> None:
    assert post(client, "/api/signups", SIGNUP, **headers).status_code == 202
    assert not {"traceparent", "tracestate"} & received("signups").attributes.keys()


def test_what_waited_in_the_spool_keeps_its_trace(
    client: Client, sqs: None, settings: Any
) -> None:
    with_sqs = settings.SQS_QUEUE_URLS
    settings.SQS_QUEUE_URLS = {name: f"{url}-gone" for name, url in with_sqs.items()}
    assert post(client, "/api/signups", SIGNUP, **TRACE.attributes).status_code == 202
    settings.SQS_QUEUE_URLS = with_sqs
    assert Trace.of_text(SpooledEvent.objects.get().trace) == TRACE
    forget_failures()
    spool.relay()
    assert received("signups").trace == TRACE


def test_five_events_of_a_set_are_five_traces(sqs: None) -> None:
    traces = [TRACE.another() for _ in range(5)]
    messages = [
        message(signup_requested(email=f"c{number}@x.com"), attributes=one.attributes)
        for number, one in enumerate(traces)
    ]
    assert in_sets(*messages) == [messages]
    mails = queues.receive("emails")
    found = {json.loads(one.body)["data"]["recipient"]: one.trace for one in mails}
    assert found == {f"c{number}@x.com": one for number, one in enumerate(traces)}


def test_a_redrive_begins_a_trace_and_names_the_one_that_failed(sqs: None) -> None:
    letter = dead_letter(attributes={**TRACE.attributes, "own": "kept"})
    redrive_now(letter, by="ada")
    sent = received("orders")
    assert sent.trace is not None
    assert sent.trace.trace_id != TRACE.trace_id
    assert (sent.trace.sampled, sent.trace.state) == (True, "")
    assert sent.failed_trace == Trace(TRACE.trace_id, TRACE.span_id, 1)
    assert sent.attributes["own"] == "kept"
    processor.handle(message("no event", attributes=sent.attributes, id=sent.id))
    failed_again = received("orders-dlq")
    assert failed_again.trace == sent.trace


def test_a_redrive_of_what_had_no_trace_has_none(sqs: None) -> None:
    redrive_now(dead_letter(attributes={"traceparent": "wrong"}), by="ada")
    sent = received("orders")
    assert (sent.trace, sent.failed_trace) == (None, None)
    assert sent.attributes["traceparent"] == "wrong"


def test_a_trace_among_ten_attributes_survives_the_dlq_and_a_redrive(
    sqs: None,
) -> None:
    own = {f"own-{number}": "x" for number in range(MOST - 1)}
    processor.handle(message("no event", attributes={**own, **TRACE.attributes}))
    dead = received("orders-dlq")
    assert dead.trace is not None
    assert dead.trace.traceparent == TRACE.traceparent
    letter = dead_letter(attributes={**own, "traceparent": TRACE.traceparent})
    redrive_now(letter, by="ada")
    sent = received("orders")
    assert len(sent.attributes) == MOST
    assert sent.trace is not None
    assert own.items() <= sent.beside.unpacked("redrive").texts.items()


def test_a_trace_for_which_there_is_no_room_is_left_out() -> None:
    def sent(event: Any) -> tuple[str, ...]:
        entry = entries.of_event(event, Attributes(TRACE.attributes), "orders")
        return tuple(name for name in entry["MessageAttributes"] if "trace" in name)

    def largest(room: int) -> Any:
        event = order_created(customer_id="C")
        left = MAX_MESSAGE_BYTES - room
        left -= entries.size(entries.of_event(event, Attributes(), "orders"))
        data = event.data.model_copy(update={"email": "x" * left + event.data.email})  # type: ignore[attr-defined]
        return event.model_copy(update={"data": data})

    whole = size_of(Attributes(TRACE.attributes).wire)
    assert sent(largest(whole)) == ("traceparent", "tracestate")
    assert sent(largest(whole - 1)) == ("traceparent",)
    assert sent(largest(80)) == ("traceparent",)
    assert sent(largest(0)) == ()


def test_an_event_that_sqs_refused_for_good_keeps_its_trace() -> None:
    with within(TRACE):
        spool.add(order_created(), "InvalidMessageContents")
    SpooledEvent.objects.update(refused_for_good=True)
    assert refused_by_sqs.adopt() == 1
    assert Trace.beside(attributes_of(DeadLetter.objects.get())) == TRACE


@pytest.mark.parametrize(
    ("given", "traceparent"),
    [
        ({}, OF_XRAY),
        ({"traceparent": TRACE.traceparent}, TRACE.traceparent),
        ({"traceparent": "wrong"}, "wrong"),
    ],
)
def test_the_trace_of_aws_counts_where_there_is_no_traceparent(
    given: dict[str, str], traceparent: str
) -> None:
    raw = {
        "MessageId": "m-1",
        "ReceiptHandle": "r-1",
        "Attributes": {"AWSTraceHeader": XRAY},
        "MessageAttributes": Attributes(given).wire,
    }
    assert message_from("orders", raw).attributes == {"traceparent": traceparent}
    raw["Attributes"] = {"AWSTraceHeader": "wrong"}
    assert message_from("orders", raw).attributes == given


def test_the_trace_of_aws_is_received_with_its_message(sqs: None) -> None:
    header: Any = {"AWSTraceHeader": {"DataType": "String", "StringValue": XRAY}}
    queues.client().send_message(
        QueueUrl=queues.url("orders"), MessageBody="x", MessageSystemAttributes=header
    )
    assert received("orders").trace == Trace.of_xray(XRAY)


def test_each_line_of_the_log_names_the_trace_of_its_step(
    caplog: pytest.LogCaptureFixture, sqs: None
) -> None:
    lines: list[tuple[str, dict[str, Any]]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            keys = Formatter("level=%(levelname)s %(message)s").format(record)
            lines.append((keys, json.loads(JSONFormatter().format(record))))

    traces = [TRACE, TRACE.another(), TRACE.another()]
    together = [
        message(order_created(), attributes=one.attributes) for one in traces[:2]
    ]
    root, kept = logging.getLogger("processing"), Kept()
    caplog.set_level(logging.INFO)
    root.addHandler(kept)
    try:
        in_sets(*together)
        processor.handle(message("no event", attributes=traces[2].attributes))
        processor.handle(message("no event"))
    finally:
        root.removeHandler(kept)
    ids = [one.trace_id for one in traces]
    assert [line.get("trace_id") for _, line in lines] == [*ids, None]
    assert [keys.partition(" trace_id=")[2] for keys, _ in lines] == [*ids, ""]
    assert "congo" not in repr(lines)
