"""A message as it is read: by which id a body without one is known."""

from datetime import UTC, datetime
from typing import Any

import pytest

from processing.sqs.message import SYSTEM_ATTRIBUTES, message_from
from tests.builders import failure, message

REASON = failure(request_id="r-3")


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({}, "m-1"),
        ({"request_id": "r-1"}, "r-1"),
        ({"RequestId": "r-2"}, "r-2"),
        ({"request_id": "r-1", "RequestId": "r-2", **REASON}, "r-1"),
        ({"request_id": "", "RequestId": "r-2"}, "r-2"),
        ({"request_id": "x" * 65, **REASON}, "r-3"),
        (REASON, "r-3"),
        (failure(request_id=7), "m-1"),
        ({"failure": "no JSON"}, "m-1"),
    ],
)
def test_its_attributes_name_it_before_sqs_does(
    attributes: dict[str, str], named: str
) -> None:
    assert message("no event", id="m-1", attributes=attributes).named_id == named


class Noted(dict[str, str]):
    """Notes which of its keys it was asked for."""

    def __init__(self, **values: str) -> None:
        super().__init__(values)
        self.asked: set[object] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.asked.add(key)
        return super().__contains__(key)


def test_sqs_is_asked_for_every_system_attribute_that_is_read() -> None:
    system = Noted(SentTimestamp="1795168800123")
    raw = {"MessageId": "m-1", "ReceiptHandle": "r-1", "Attributes": system}
    message_from("orders", raw)
    assert system.asked == set(SYSTEM_ATTRIBUTES)


def test_a_message_without_attributes_was_sent_now_and_is_delivered_first() -> None:
    before = datetime.now(UTC)
    found = message_from("orders", {"MessageId": "m-1", "ReceiptHandle": "r-1"})
    assert before <= found.sent_at <= datetime.now(UTC)
    assert (found.receive_count, found.body, found.group) == (1, "", "")
    assert not found.moved_by_sqs
