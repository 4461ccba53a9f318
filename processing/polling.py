"""kombu's connection to SQS, so that no answer and none at all stop the polling."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pycurl
from django.conf import settings
from kombu.asynchronous.aws.connection import AsyncHTTPSConnection
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from vine import promise

logger = logging.getLogger(__name__)

SLOWEST_ANSWER = 5  # seconds a poll may take beyond its wait
NO_ANSWER: dict[str, Any] = {"no_answer": True}


class _HTTPConnection(AsyncHTTPSConnection):
    """kombu gives curl no timeout, so a dead connection would be polled for ever."""

    def getrequest(self) -> Any:
        request = super().getrequest()
        request.on_prepare = self._limit
        return request

    def _limit(self, curl: pycurl.Curl) -> None:
        curl.setopt(pycurl.CONNECTTIMEOUT, 5)
        curl.setopt(pycurl.TIMEOUT, settings.SQS_WAIT_SECONDS + SLOWEST_ANSWER)


class Connection(AsyncSQSConnection):
    def get_http_connection(self) -> _HTTPConnection:
        return _HTTPConnection(http_client=self._httpclient)

    def _on_list_ready(
        self, parent: Any, markers: Any, operation: Any, response: Any
    ) -> Any:
        try:
            answer = super()._on_list_ready(parent, markers, operation, response)
            if isinstance(answer, dict):
                return answer
            problem = f"HTTP {response.status}"  # kombu makes an empty list of a 5xx
        except Exception as error:
            problem = type(error).__name__
        logger.error("call=%s failed=%s", operation, problem)
        return NO_ANSWER

    def delete_batch(
        self, queue_url: str, handles: Sequence[str], answered: Callable[[Any], None]
    ) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": handle}
            for number, handle in enumerate(handles)
        ]
        self.get_list(
            "DeleteMessageBatch",
            {"Entries": entries},
            None,
            queue_url,
            callback=promise(answered),
        )
