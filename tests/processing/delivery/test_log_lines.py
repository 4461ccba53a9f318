"""Each delivery ends in one line of the log, which says how it ended."""

import json
import logging
from contextlib import suppress
from typing import Any

import pytest
from django.utils import timezone

from processing.delivery import processor
from processing.events.attributes import RECEIPT
from processing.handlers import registry
from processing.metrics.history import Unstored
from processing.models import QueueRecord
from processing.sqs.message import Message
from tests.builders import message, order_created, order_updated

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


def unreadable() -> Message:
    return message("no event")


def of_an_unknown_order() -> Message:
    return message(order_updated(), receive_count=3, attributes=RECEIPT.texts)


@pytest.mark.parametrize(
    ("delivered", "state", "status"),
    [
        (message(order_created()), "outcome=processed error=", "success"),
        (unreadable(), "outcome=dead_lettered error=UnreadableEventError", "failure"),
        (of_an_unknown_order(), "outcome=refused error=UnknownOrderError", "refused"),
    ],
    ids=["processed", "dead-lettered", "refused"],
)
def test_the_line_of_a_delivery_says_how_it_ended_and_so_does_its_count(
    caplog: pytest.LogCaptureFixture, delivered: Message, state: str, status: str
) -> None:
    uncounted = Unstored()
    assert f" {state} " in f"{lines(caplog, delivered)[-1]} "
    assert counted(uncounted) == [status]


def test_the_line_of_a_delivery_that_is_tried_again_names_the_error(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_: Any) -> None:
        raise OSError("disk of ada@example.com")

    monkeypatch.setitem(registry.HANDLERS, "order_created", break_down)
    uncounted = Unstored()
    told = lines(caplog, message(order_created(), receive_count=2))
    assert counted(uncounted) == ["failure"]
    assert " outcome=failed error=OSError " in f"{told[-1]} "
    assert "receive_count=2" in told[-1]
    assert "ada@" not in caplog.text


def test_what_cannot_be_read_is_found_by_the_id_of_its_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    delivered = unreadable()
    request_id = processor.identify(delivered).request_id
    assert f" correlation_id={request_id} " in lines(caplog, delivered)[-1]


def test_a_type_that_nobody_knows_is_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = json.loads(order_created().body)
    forged = event | {"type": "ada@example.com outcome=processed"}
    told = lines(caplog, message(json.dumps(forged)))
    assert " type=unknown " in told[-1]
    assert "ada@" not in caplog.text


def counted(uncounted: Unstored) -> list[str]:
    """How each delivery of an order was counted since *uncounted* was made."""
    uncounted.store(timezone.now())
    row = QueueRecord.objects.filter(queue="orders").latest("pk")
    found = [("success", row.success), ("refused", row.refused)]
    return [
        name for name, count in [*found, ("failure", row.failure)] for _ in range(count)
    ]


def lines(caplog: pytest.LogCaptureFixture, delivered: Message) -> list[str]:
    caplog.set_level(logging.INFO)
    with suppress(processor.RetryLaterError):
        processor.handle(delivered)
    identity = processor.identify(delivered)
    return [
        one for one in caplog.messages if f"request_id={identity.request_id}" in one
    ]
