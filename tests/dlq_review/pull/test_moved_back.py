"""Messages that somebody moves out of a DLQ by other means than the triage desk."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from dlq_review.letters import revisions
from dlq_review.models import Arrival, DeadLetter
from dlq_review.pull import puller
from processing.delivery import processor
from processing.events.attributes import Attributes
from processing.models import Order, Outcome
from processing.sqs import queues
from processing.sqs.message import Message
from tests.builders import order_data, redrive_now

pytestmark = pytest.mark.django_db(transaction=True)

BESIDE = Attributes(
    {**{f"own-{n}": str(n) for n in range(7)}, "bin": "AP8=", "failure": "bWluZQ=="},
    {"own-1": "Number.int", "bin": "Binary.png", "failure": "Binary"},
)
BESIDE |= Attributes({"trace": "t"})


def plain(event: dict[str, Any]) -> str:
    return json.dumps(event)


def from_sns(event: dict[str, Any]) -> str:
    outside = {"Type": "Notification", "MessageId": "3f0c8f3e-7d5c-5c0c-9d0e-1b2c"}
    return json.dumps({**outside, "Message": json.dumps(event)})


def put(body: str, beside: Attributes, *, fifo: bool, name: str) -> None:
    how = {"MessageGroupId": "C-17", "MessageDeduplicationId": name} if fifo else {}
    queues.client().send_message(
        QueueUrl=queues.url("orders"),
        MessageBody=body,
        MessageAttributes=beside.wire,
        **how,  # type: ignore[arg-type]
    )


def work() -> Message:
    (message,) = queues.receive("orders")
    processor.handle(message)
    queues.delete("orders", [message.receipt_handle])
    puller.pull(["orders-dlq"])
    return message


@pytest.mark.parametrize("sent_as", [plain, from_sns])
@pytest.mark.parametrize("fifo", [False, True])
def test_an_event_without_an_id_stays_one_request_with_all_that_it_came_with(
    sent_as: Callable[[dict[str, Any]], str],
    fifo: bool,
    request: pytest.FixtureRequest,
    settings: Settings,
) -> None:
    if fifo:
        request.getfixturevalue("fifo_orders")
    request.getfixturevalue("sqs")
    good = {"type": "order_created", "data": order_data()}
    bad = {"type": "order_created", "data": order_data(currency="XXX")}
    put(sent_as(bad), BESIDE, fifo=fifo, name="first")
    work()
    left = Arrival.objects.get()
    beside = Attributes(left.attributes, left.attribute_types)
    put(sent_as(bad), beside, fifo=fifo, name="moved")  # as AWS does it
    work()
    letter = DeadLetter.objects.get()
    assert letter.arrival_count == 2
    revisions.edit(letter, sent_as(good), based_on=0, by="ada", reason="a typo")
    letter.refresh_from_db()
    redrive_now(letter, by="ada")
    redriven = work()
    assert len(redriven.attributes) == 10
    assert redriven.beside.unpacked("redrive").only(BESIDE.texts) == BESIDE
    assert Outcome.objects.get().request_id == letter.request_id
    assert Order.objects.count() == 1
