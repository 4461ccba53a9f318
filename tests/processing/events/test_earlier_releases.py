"""What an earlier release put on a queue or into the spool is processed by this one.

tests/on_the_wire/ holds messages as they were once sent; they are never changed.
The name of a file ends with the beginning of its fingerprint. Whoever changes a contract
adds one and keeps those that are there.
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
NAMES = sorted(path.stem for path in ON_THE_WIRE.glob("*-*.json"))
ORDER = next(name for name in NAMES if name.startswith("order_created-1"))
every_message = pytest.mark.parametrize("name", NAMES)


def on_the_wire(name: str) -> str:
    return (ON_THE_WIRE / f"{name}.json").read_text().strip()


def asked_by(name: str) -> str:
    """The beginning of the fingerprint that *name* had when it was sent.

    A copy may be delivered on both sides of a deployment: were the fingerprint another one
    then, the copy would be taken for a conflict.
    """
    beginning = name.partition(".")[2]
    assert len(beginning) == 16
    return beginning


def delivered(name: str) -> Message:
    body = on_the_wire(name)
    return message(body, queue=envelope.parse(body, fallback_id="").queue)


def test_every_event_type_has_a_message_on_the_wire() -> None:
    assert {name.partition("-")[0] for name in NAMES} == contracts.CONTRACTS.keys()
    assert len(NAMES) >= 6


@every_message
def test_an_event_of_an_earlier_release_still_asks_for_the_same(name: str) -> None:
    event = envelope.parse(on_the_wire(name), fallback_id="")
    assert event.fingerprint.startswith(asked_by(name))


@every_message
def test_an_event_of_an_earlier_release_takes_effect(sqs: None, name: str) -> None:
    if name.startswith("order_") and name != ORDER:
        processor.handle(delivered(ORDER))
    if name.startswith(
        "email_requested-1"
    ):  # whom it is for; PostgreSQL still counts from 1
        User.objects.create(pk=1, email="ada@example.com")
    processor.handle(delivered(name))
    outcome = Outcome.objects.get(type=name.partition("-")[0])
    assert outcome.fingerprint.startswith(asked_by(name))
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
    newer = on_the_wire(ORDER).replace("order_created", "order_archived")
    SpooledEvent.objects.create(
        request_id="r-newer", body=newer, next_try_at="2026-11-20T10:00:00Z"
    )
    event = order_created()
    spool.add(event, "Timeout")
    assert spool.relay() == 1
    assert [one.body for one in queues.receive("orders")] == [event.body]
    left = SpooledEvent.objects.get()
    assert (left.body, left.refusal) == (newer, "UnknownEventTypeError")
    assert not left.refused_for_good
