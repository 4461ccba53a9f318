"""The calls of a worker's event loop to SQS. An error, or no answer, ends none of its work."""

from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings

from processing.sqs import access, call_counter, queues, refusals
from processing.sqs.message import SYSTEM_ATTRIBUTES
from processing.worker.event_loop_curl import Client

NO_ANSWER: dict[str, Any] = {"no_answer": True}


class Connection:
    """For the calls of one queue; *name* is our name of it."""

    def __init__(self, name: str, client: Client) -> None:
        self._name = name
        self._client = client

    def receive_message(
        self,
        queue_url: str,
        *,
        number: int,
        visibility: int,
        wait: int,
        callback: Callable[[Any], Any],
    ) -> None:
        asked = {
            "QueueUrl": queue_url,
            "MaxNumberOfMessages": number,
            "VisibilityTimeout": visibility,
            "WaitTimeSeconds": wait,
            "MessageAttributeNames": [".*"],
            "MessageSystemAttributeNames": SYSTEM_ATTRIBUTES,
        }
        self._call("ReceiveMessage", asked, callback)

    def delete_batch(
        self, queue_url: str, handles: Sequence[str], answered: Callable[[Any], Any]
    ) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": handle}
            for number, handle in enumerate(handles)
        ]
        asked = {"QueueUrl": queue_url, "Entries": entries}
        self._call("DeleteMessageBatch", asked, answered)

    def _call(
        self, action: str, asked: dict[str, Any], callback: Callable[[Any], Any]
    ) -> None:
        """*callback* gets the answer, or NO_ANSWER."""

        def answered(answer: dict[str, Any] | Exception) -> None:
            if isinstance(answer, Exception):
                self._tell(action, answer)
                answer = NO_ANSWER
            callback(answer)

        call_counter.count(action)
        longest = settings.SQS_WAIT_SECONDS + access.POLL_ANSWER
        self._client.call(action, asked, longest, answered)

    def _tell(self, action: str, problem: Exception) -> None:
        if refusals.code(problem) in refusals.BAD_CREDENTIALS:
            queues.reached().credentials.doubt()
        refusals.log(problem, self._name, action)
