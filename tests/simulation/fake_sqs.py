"""SQS as it may legally behave, in memory and on the clock of the simulation.

At least once: copies appear, deleted messages rise again, answers are lost after the call
took effect, a receipt handle goes stale with the next receive, order means nothing.
Not all at once: of the entries of a batch some are taken and some are refused.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from django.conf import settings
from django.utils import timezone

from processing.sqs.topology import QUEUES
from tests.crash import Crash

#: What the calls meet: SQS refuses, the answer is lost after or the call before it took
#: effect, or every second entry of a batch is refused, from the first or the second on.
FAULTS = ("down", "lost", "unheard", "even", "odd")


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
        self.fault = ""  # one of FAULTS, or none: what the next calls meet
        self.refused: set[str] = set()
        """The handles that a batch was refused of late."""
        self._ids = (f"m-{number}" for number in itertools.count(1))
        for queue in QUEUES.values():
            self.messages[queue.name] = []
            self.messages[queue.dlq] = []

    # -- what the product calls -------------------------------------------------------
    def send_message(self, **call: Any) -> dict[str, Any]:
        with self._call("SendMessage"):
            return {"MessageId": self._store(call["QueueUrl"], call)}

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        url = call["QueueUrl"]
        return self._batch(
            "SendMessageBatch",
            call["Entries"],
            lambda entry: {"MessageId": self._store(url, entry)},
        )

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
        queue = self._name(call["QueueUrl"])
        return self._batch(
            "DeleteMessageBatch",
            call["Entries"],
            lambda entry: self._delete(queue, entry["ReceiptHandle"]),
        )

    def change_message_visibility(self, **call: Any) -> dict[str, Any]:
        with self._call("ChangeMessageVisibility"):
            return self._hide(self._name(call["QueueUrl"]), call)

    def change_message_visibility_batch(self, **call: Any) -> dict[str, Any]:
        queue = self._name(call["QueueUrl"])
        return self._batch(
            "ChangeMessageVisibilityBatch",
            call["Entries"],
            lambda entry: self._hide(queue, entry),
        )

    # -- what the simulation does to it -----------------------------------------------
    def visible(self, queue: str) -> list[Stored]:
        now = timezone.now()
        return [one for one in self.messages[queue] if one.visible_at <= now]

    def raise_dead(self, number: int) -> None:
        """A deleted message is delivered once more."""
        if self.deleted:
            queue, message = self.deleted[number % len(self.deleted)]
            self.messages[queue].append(replace(message, visible_at=timezone.now()))

    def held(self, queue: str, handle: str) -> Stored | None:
        """None when a later receive has made the handle stale: AWS promises no more."""
        id, _, receives = handle.rpartition("/")
        return next(
            (
                one
                for one in self.messages[queue]
                if one.id == id and one.receives == int(receives)
            ),
            None,
        )

    def hidden_for(self, message: Stored) -> float:
        """Seconds until it is visible; less than none where it is so already."""
        return (message.visible_at - timezone.now()).total_seconds()

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
        if self.fault == "unheard":
            raise ReadTimeoutError(endpoint_url="fake")
        yield
        self.crash.step(f"after {name}")
        if self.fault == "lost":
            raise ReadTimeoutError(endpoint_url="fake")

    def _refuses(self, place: int) -> bool:
        """Whether it refuses the entry at *place* of a batch, and takes others."""
        return self.fault == ("odd" if place % 2 else "even")

    def _batch(
        self,
        name: str,
        entries: Sequence[dict[str, Any]],
        take: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> dict[str, Any]:
        assert 1 <= len(entries) <= 10, "no batch for SQS"
        assert len({entry["Id"] for entry in entries}) == len(entries), "an Id twice"
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        with self._call(name):
            for place, entry in enumerate(entries):
                id = {"Id": entry["Id"]}
                if self._refuses(place):
                    answer["Failed"].append({**id, "Code": "InternalError"})
                    self.refused.add(entry.get("ReceiptHandle", ""))
                else:
                    answer["Successful"].append({**id, **take(entry)})
        return answer

    def _delete(self, queue: str, handle: str) -> dict[str, Any]:
        if message := self.held(queue, handle):
            self.messages[queue].remove(message)
            self.deleted.append((queue, message))
        return {}

    def _hide(self, queue: str, entry: dict[str, Any]) -> dict[str, Any]:
        if message := self.held(queue, entry["ReceiptHandle"]):
            seconds = entry["VisibilityTimeout"]
            message.visible_at = timezone.now() + timedelta(seconds=seconds)
        return {}

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
