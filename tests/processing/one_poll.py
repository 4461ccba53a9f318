"""Messages as they come in one poll, and what a process of the pool does with them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from processing.delivery import processor, sets
from processing.sqs.message import Message
from processing.worker.bundles import Bundle, NotBegunError
from tests.builders import message, order_created, signup_requested


def in_sets(*messages: Message) -> list[list[Message]]:
    return list(sets.process(messages))


def work_through(messages: Sequence[Message]) -> Bundle:
    """As a process of the pool does, and then others with those it did not begin."""
    bundle = Bundle.of(messages)
    try:
        bundle.work_through(processor.handle, sets.process)
    except (processor.RetryLaterError, NotBegunError):
        one_by_one(bundle.progress().not_begun)
    return bundle


def one_by_one(messages: Sequence[Message]) -> None:
    for one in messages:
        with suppress(processor.RetryLaterError):
            processor.handle(one)


def created(number: int, **changes: Any) -> list[Message]:
    return [
        message(order_created(order_id=f"ORD-{place}", **changes))
        for place in range(number)
    ]


def signups(number: int) -> list[Message]:
    return [
        message(signup_requested(email=f"c{place}@example.com"))
        for place in range(number)
    ]
