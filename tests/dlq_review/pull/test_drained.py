"""A DLQ in which nothing is left is not asked on and on: SQS charges for each call."""

from typing import Any

import pytest

from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from processing.sqs import publisher, queues
from processing.sqs.at_once import WAYS
from tests.builders import message, order_created

pytestmark = pytest.mark.django_db

ENDLESS = 40  # calls


class Asked:
    """How often SQS was asked for messages of each queue, whatever it answered."""

    def __init__(self) -> None:
        self.receive = queues.sender().receive_message
        self.calls: list[str] = []

    def __call__(self, **call: Any) -> Any:
        self.calls.append(call["QueueUrl"].rpartition("-dlq")[0])
        if len(self.calls) > ENDLESS:
            raise AssertionError("It is asked until the time of the pull is over.")
        return self.receive(**call)


@pytest.fixture
def asked(sqs: None, monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked()
    monkeypatch.setattr(queues.sender(), "receive_message", found, raising=False)
    return found


def test_an_empty_dlq_is_asked_once(asked: Asked) -> None:
    assert puller.pull().received == 0
    assert len(asked.calls) == len({*asked.calls}) == len(puller.DLQS)


@pytest.mark.parametrize("count", [1, 9, 10, 11, 25, 60])
def test_a_dlq_is_asked_a_few_times_more_than_it_has_messages_for(
    asked: Asked, count: int
) -> None:
    for _ in range(count):
        publisher.dead_letter(message(order_created()), {})
    assert puller.pull(["orders-dlq"], seconds=30).stored == count
    assert DeadLetter.objects.count() == count
    # Behind the last message a set, which asks by WAYS calls at once, and the next come empty.
    filled = -(-count // queues.BATCH)
    empty = 2 if count < queues.BATCH else WAYS + 2
    assert len(asked.calls) <= filled + empty
