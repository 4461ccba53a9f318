"""What an earlier release put on a queue or into the spool is processed by this one.

tests/on_the_wire/ holds messages as they were once sent; they are never changed. Whoever
changes a contract adds one and keeps those that are there.
"""

from pathlib import Path

import pytest

from processing.delivery import processor, spool
from processing.events import contracts, envelope
from processing.models import Outcome, SpooledEvent, User
from processing.sqs import queues
from processing.sqs.message import Message
from tests.builders import message, order_created

pytestmark = pytest.mark.django_db

ON_THE_WIRE = Path(__file__).parent.parent.parent / "on_the_wire"
#: By file, what each asks for. A copy may be delivered on both sides of a deployment: were
#: the fingerprint another one then, the copy would be taken for a conflict.
FINGERPRINTS = {
    "order_created-1": "ddce849fa17eb937c8fb8cb005e0a310b259e7aaedb1e4a452155f67fe52e750",
    "order_updated-1": "c2f095e938e46d7108d726af2de050560dffe231f5dbf87f77d76ebc6fac1cef",
    "signup_requested-1": "5978d66918fb4bf051371d81ecc2f94ed1ae14ee14f0a338016a85ebef1f2713",
    "email_requested-1": "fa9309f6427d15eda354ceb637b37f2f7d986c56f52411201158ba3342364ad3",
    "email_requested-2": "79145d515126a26a985863ba6db9d9a849fd8fae53828ad470dce369cee0dd9c",
}
every_message = pytest.mark.parametrize("name", FINGERPRINTS)


def on_the_wire(name: str) -> str:
    return (ON_THE_WIRE / f"{name}.json").read_text().strip()


def delivered(name: str) -> Message:
    body = on_the_wire(name)
    return message(body, queue=envelope.parse(body, fallback_id="").queue)


def test_every_event_type_has_a_message_on_the_wire() -> None:
    files = {path.stem for path in ON_THE_WIRE.glob("*.json")} - {"job"}
    assert files == FINGERPRINTS.keys()
    assert {name.partition("-")[0] for name in files} == contracts.CONTRACTS.keys()


@every_message
def test_an_event_of_an_earlier_release_still_asks_for_the_same(name: str) -> None:
    event = envelope.parse(on_the_wire(name), fallback_id="")
    assert event.fingerprint == FINGERPRINTS[name]


@every_message
def test_an_event_of_an_earlier_release_takes_effect(sqs: None, name: str) -> None:
    if name.startswith("order_updated"):
        processor.handle(delivered("order_created-1"))
    if name == "email_requested-1":  # whom it is for; PostgreSQL still counts from 1
        User.objects.create(pk=1, email="ada@example.com")
    processor.handle(delivered(name))
    outcome = Outcome.objects.get(type=name.partition("-")[0])
    assert outcome.fingerprint == FINGERPRINTS[name]
    assert outcome.made.get("status") != "stale"


@every_message
def test_what_an_earlier_release_spooled_is_relayed(sqs: None, name: str) -> None:
    body = on_the_wire(name)
    event = envelope.parse(body, fallback_id="")
    SpooledEvent.objects.create(
        request_id=event.id, body=body, next_try_at=event.timestamp
    )
    assert spool.relay() == 1
    assert [one.body for one in queues.receive(event.queue)] == [body]


def test_a_row_that_only_another_release_can_read_waits_and_holds_up_nobody(
    sqs: None,
) -> None:
    newer = on_the_wire("order_created-1").replace("order_created", "order_archived")
    SpooledEvent.objects.create(
        request_id="r-newer", body=newer, next_try_at="2026-11-20T10:00:00Z"
    )
    event = order_created()
    spool.hold(event, "Timeout")
    assert spool.relay() == 1
    assert [one.body for one in queues.receive("orders")] == [event.body]
    left = SpooledEvent.objects.get()
    assert (left.body, left.refusal) == (newer, "UnknownEventTypeError")
    assert not left.refused_for_good
