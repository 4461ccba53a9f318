"""An SQS that refuses what a test marks."""

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from processing.events.envelope import Event
from processing.sqs import queues
from processing.sqs.batches import Sent
from processing.sqs.refusals import SendError


def spoil(monkeypatch: pytest.MonkeyPatch, marked: str, *, whole: bool) -> None:
    """SQS refuses a message that holds *marked*: the *whole* call, or the one entry."""
    client = queues.sender()
    send = client.send_message_batch

    def refuse(**call: Any) -> Any:
        bad = [entry for entry in call["Entries"] if marked in entry["MessageBody"]]
        if bad and whole:
            error: Any = {"Code": "InvalidMessageContents", "Message": ""}
            raise ClientError({"Error": error}, "SendMessageBatch")
        good = [entry for entry in call["Entries"] if entry not in bad]
        answer: Any = send(QueueUrl=call["QueueUrl"], Entries=good) if good else {}
        failed = [{"Id": entry["Id"], "Code": "InternalError"} for entry in bad]
        return {**answer, "Failed": failed}

    monkeypatch.setattr(client, "send_message_batch", refuse)


def refused(events: Sequence[Event], why: str = "Throttled") -> list[Sent]:
    """What publishing *events* gives where SQS takes none of them."""
    return [Sent(event, error=SendError(why)) for event in events]
