"""SQS as it may legally behave, in memory and on the clock of the simulation.

At least once: copies appear, deleted messages rise again, answers are lost after the call
took effect, a receipt handle goes stale with the next receive, order means nothing.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from django.conf import settings
from django.utils import timezone

from processing.topology import QUEUES


class Crash(BaseException):
    """The process dies here. Nothing in the product may catch it."""


@dataclass(slots=True)
class CrashPoint:
    """Lets the n-th step from now kill the process; 0 means none."""

    countdown: int = 0
    passed: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        if self.countdown:
            self.countdown -= 1
            if self.countdown == 0:
                raise Crash(name)


@dataclass(slots=True)
class Stored:
    id: str
    body: str
    attributes: dict[str, Any]
    sent_at: datetime
    visible_at: datetime
    receives: int = 0


class FakeSQS:
    """The calls of the boto3 client that the product makes, and no others."""

    def __init__(self, crash: CrashPoint) -> None:
        self.crash = crash
        self.messages: dict[str, list[Stored]] = {}
        self.deleted: list[tuple[str, Stored]] = []
        self.fault = ""  # "", "down" or "lost": what the next calls meet
        self._ids = (f"m-{number}" for number in itertools.count(1))
        for queue in QUEUES.values():
            self.messages[queue.name] = []
            self.messages[queue.dlq] = []

    # -- what the product calls -------------------------------------------------------
    def send_message(self, **call: Any) -> dict[str, Any]:
        with self._call("SendMessage"):
            return {"MessageId": self._store(call["QueueUrl"], call)}

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        with self._call("SendMessageBatch"):
            return {
                "Successful": [
                    {
                        "Id": entry["Id"],
                        "MessageId": self._store(call["QueueUrl"], entry),
                    }
                    for entry in call["Entries"]
                ]
            }

    def receive_message(self, **call: Any) -> dict[str, Any]:
        with self._call("ReceiveMessage"):
            queue = self._name(call["QueueUrl"])
            self._redrive(queue)
            hidden_for = timedelta(seconds=call["VisibilityTimeout"])
            found = self.visible(queue)[: call["MaxNumberOfMessages"]]
            return {
                "Messages": [self._receive(message, hidden_for) for message in found]
            }

    def delete_message_batch(self, **call: Any) -> dict[str, Any]:
        with self._call("DeleteMessageBatch"):
            queue = self._name(call["QueueUrl"])
            for entry in call["Entries"]:
                for message in self._held_by(queue, entry["ReceiptHandle"]):
                    self.messages[queue].remove(message)
                    self.deleted.append((queue, message))
            return {"Successful": [], "Failed": []}

    def change_message_visibility(self, **call: Any) -> dict[str, Any]:
        with self._call("ChangeMessageVisibility"):
            shown_at = timezone.now() + timedelta(seconds=call["VisibilityTimeout"])
            queue = self._name(call["QueueUrl"])
            for message in self._held_by(queue, call["ReceiptHandle"]):
                message.visible_at = shown_at
            return {}

    # -- what the simulation does to it -----------------------------------------------
    def visible(self, queue: str) -> list[Stored]:
        now = timezone.now()
        return [one for one in self.messages[queue] if one.visible_at <= now]

    def raise_dead(self, number: int) -> None:
        """A deleted message is delivered once more."""
        if self.deleted:
            queue, message = self.deleted[number % len(self.deleted)]
            self.messages[queue].append(replace(message, visible_at=timezone.now()))

    def show_early(self, queue: str) -> None:
        """Everything in flight becomes visible, as after a network split."""
        for message in self.messages[queue]:
            message.visible_at = timezone.now()

    def put(self, queue: str, body: str) -> None:
        """What a stranger sends."""
        self._store(settings.SQS_QUEUE_URLS[queue], {"MessageBody": body})

    # -- inside -----------------------------------------------------------------------
    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        self.crash.step(f"before {name}")
        if self.fault == "down":
            code = {"Error": {"Code": "ServiceUnavailable", "Message": "injected"}}
            raise ClientError(code, name)  # type: ignore[arg-type]
        yield
        self.crash.step(f"after {name}")
        if self.fault == "lost":
            raise ReadTimeoutError(endpoint_url="fake")

    def _store(self, url: str, call: dict[str, Any]) -> str:
        now = timezone.now()
        message = Stored(
            id=next(self._ids),
            body=call["MessageBody"],
            attributes=call.get("MessageAttributes", {}),
            sent_at=now,
            visible_at=now,
        )
        self.messages[self._name(url)].append(message)
        return message.id

    def _receive(self, message: Stored, hidden_for: timedelta) -> dict[str, Any]:
        message.receives += 1
        message.visible_at = timezone.now() + hidden_for
        return {
            "MessageId": message.id,
            "Body": message.body,
            "ReceiptHandle": f"{message.id}/{message.receives}",
            "MessageAttributes": message.attributes,
            "Attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": str(int(message.sent_at.timestamp() * 1000)),
            },
        }

    def _held_by(self, queue: str, handle: str) -> list[Stored]:
        """None when a later receive has made the handle stale: AWS promises no more."""
        id, _, receives = handle.rpartition("/")
        return [
            one
            for one in self.messages[queue]
            if one.id == id and one.receives == int(receives)
        ][:1]

    def _redrive(self, queue: str) -> None:
        if queue not in QUEUES:
            return
        for message in self.visible(queue):
            if message.receives >= settings.SQS_MAX_RECEIVE_COUNT:
                self.messages[queue].remove(message)
                self.messages[QUEUES[queue].dlq].append(message)

    def _name(self, url: str) -> str:
        return next(
            name for name, known in settings.SQS_QUEUE_URLS.items() if known == url
        )
