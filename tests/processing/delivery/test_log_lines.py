"""Each delivery ends in one line of the log, which says how it ended."""

import logging
from contextlib import suppress
from typing import Any

import pytest

from processing.delivery import processor
from processing.events.attributes import RECEIPT
from processing.handlers import registry
from processing.sqs.message import Message
from tests.builders import message, order_created, order_updated

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


def unreadable() -> Message:
    return message("no event")


def of_an_unknown_order() -> Message:
    return message(order_updated(), receive_count=3, attributes=RECEIPT.texts)


@pytest.mark.parametrize(
    ("delivered", "state"),
    [
        (message(order_created()), "outcome=processed error="),
        (unreadable(), "outcome=dead_lettered error=UnreadableEventError"),
        (of_an_unknown_order(), "outcome=refused error=UnknownOrderError"),
    ],
    ids=["processed", "dead-lettered", "refused"],
)
def test_the_line_of_a_delivery_says_how_it_ended(
    caplog: pytest.LogCaptureFixture, delivered: Message, state: str
) -> None:
    assert f" {state} " in f"{lines(caplog, delivered)[-1]} "


def test_the_line_of_a_delivery_that_is_tried_again_names_the_error(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_: Any) -> None:
        raise OSError("disk of ada@example.com")

    monkeypatch.setitem(registry.HANDLERS, "order_created", break_down)
    told = lines(caplog, message(order_created(), receive_count=2))
    assert " outcome=failed error=OSError " in f"{told[-1]} "
    assert "receive_count=2" in told[-1]
    assert "ada@" not in caplog.text


def lines(caplog: pytest.LogCaptureFixture, delivered: Message) -> list[str]:
    caplog.set_level(logging.INFO)
    with suppress(processor.RetryLaterError):
        processor.handle(delivered)
    identity = processor.identify(delivered)
    return [
        one for one in caplog.messages if f"request_id={identity.request_id}" in one
    ]
