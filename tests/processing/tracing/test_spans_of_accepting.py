"""The span that sends an event tells which request it is of, and why it was not sent."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from intake.accept import REFUSALS, accept, accept_many
from processing.delivery import spool
from processing.events.envelope import Event
from processing.sqs import publisher
from processing.sqs.batches import Sent
from processing.sqs.refusals import SendError
from processing.tracing import context
from processing.tracing.context import Trace
from tests.builders import order_created
from tests.outages import away


def alone(event: Event) -> None:
    with suppress(*REFUSALS):
        accept(event)


def in_a_batch(event: Event) -> None:
    accept_many([event])


def stored(*_: Any) -> None:
    """What the spool does that takes an event."""


REFUSED = {"holdfast.refused": "Timeout"}


@pytest.mark.parametrize("send", [alone, in_a_batch])
@pytest.mark.parametrize(
    ("refusal", "add", "told"),
    [
        (None, away, {}),
        (SendError("Timeout"), stored, REFUSED),
        (SendError("Timeout"), away, {**REFUSED, "error.type": "NotAcceptedError"}),
    ],
)
def test_a_span_tells_the_request_and_how_its_send_ended(
    exported: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
    send: Callable[[Event], None],
    refusal: SendError | None,
    add: Callable[..., None],
    told: dict[str, str],
) -> None:
    def publish(*_: Any, **__: Any) -> None:
        if refusal:
            raise refusal

    def publish_many(events: list[Event], _: Any) -> list[Sent]:
        return [Sent(one, error=refusal) for one in events]

    monkeypatch.setattr(publisher, "publish", publish)
    monkeypatch.setattr(publisher, "publish_many", publish_many)
    monkeypatch.setattr(spool, "add", add)
    event = order_created()
    send(event)
    (span,) = exported.get_finished_spans()
    facts = dict(span.attributes or {})
    wanted = {"holdfast.request_id": event.id, **told}
    assert {name: facts.get(name) for name in wanted} == wanted
    assert facts.keys() & {"holdfast.refused", "error.type"} == told.keys()


def span_of(trace: Trace | None) -> int:
    assert trace is not None
    return int(trace.span_id, 16)


@pytest.mark.parametrize("send", [alone, in_a_batch])
@pytest.mark.parametrize("is_spooled", [True, False])
def test_what_is_not_sent_at_once_goes_on_from_the_span_of_its_send(
    exported: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
    send: Callable[[Event], None],
    *,
    is_spooled: bool,
) -> None:
    refusal = SendError("CircuitOpen", was_asked=False)
    traces: list[Trace | None] = []

    def publish(*_: Any, **__: Any) -> None:
        raise refusal

    def publish_many(events: list[Event], _: Any) -> list[Sent]:
        return [Sent(one, error=refusal) for one in events]

    def publish_after_all(_: Event, **beside: str) -> None:
        traces.append(Trace.beside(beside))

    def add(*_: Any) -> None:
        if not is_spooled:
            away()
        traces.append(context.current())

    monkeypatch.setattr(publisher, "publish", publish)
    monkeypatch.setattr(publisher, "publish_many", publish_many)
    monkeypatch.setattr(publisher, "publish_after_all", publish_after_all)
    monkeypatch.setattr(spool, "add", add)
    send(order_created())
    (span,) = exported.get_finished_spans()
    own = span.get_span_context()
    assert own is not None
    assert [span_of(one) for one in traces] == [own.span_id]
