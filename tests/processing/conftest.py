"""A channel of our transport whose event loop a test turns by hand."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from django.conf import settings
from kombu import Connection

from processing.worker.transport import Channel, Transport


class Loop:
    """An event loop that runs what is due when it is told to."""

    def __init__(self) -> None:
        self.due: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.later: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def call_soon(self, call: Callable[..., None], *arguments: Any) -> None:
        self.due.append((call, arguments))

    def call_later(self, seconds: float, call: Any, *arguments: Any) -> None:
        self.later.append((call, arguments))

    def turn(self, *, time_passes: bool = False) -> None:
        due, self.due = self.due, []
        if time_passes:
            due, self.later = due + self.later, []
        for call, arguments in due:
            call(*arguments)


@pytest.fixture
def polls() -> list[int]:
    return []


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch, polls: list[int]) -> Channel:
    """A channel that may hold 20 messages; a poll is noted, and never answered."""
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    connection = Connection("sqs://", transport=Transport, transport_options=options)
    channel = cast(Channel, connection.channel())
    channel.hub = Loop()
    channel.do_restore = False  # nothing here came from SQS
    channel._active_queues.append("orders")
    channel.qos.prefetch_count = 20
    monkeypatch.setattr(
        channel, "_get_from_sqs", lambda count, **_: polls.append(count)
    )
    monkeypatch.setattr(channel, "asynsqs", lambda queue: None)
    return channel
