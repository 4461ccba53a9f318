"""kombu's connection to SQS, whose polling continues after an error or no answer."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import pycurl
from botocore.exceptions import HTTPClientError
from django.conf import settings
from kombu.asynchronous.aws.connection import AsyncHTTPSConnection
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from vine import promise

from processing.sqs import access, call_counter, queues, refusals

NO_ANSWER: dict[str, Any] = {"no_answer": True}


class _HTTPConnection(AsyncHTTPSConnection):
    """Adds time limits and our certificates: kombu polls a dead connection for ever."""

    def getrequest(self) -> Any:
        request = super().getrequest()
        request.on_prepare = self._prepare
        return request

    def _prepare(self, curl: pycurl.Curl) -> None:
        queues.reached().tell(curl)
        longest = settings.SQS_WAIT_SECONDS + access.POLL_ANSWER
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(access.POLL_CONNECT * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(longest * 1000))


class Connection(AsyncSQSConnection):
    """For the calls of one queue; *name* is our name of it."""

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name

    def get_http_connection(self) -> _HTTPConnection:
        return _HTTPConnection(http_client=self._httpclient)

    def make_request(self, operation_name: str, *args: Any, **kwargs: Any) -> Any:
        call_counter.count(operation_name)
        return super().make_request(operation_name, *args, **kwargs)

    def _on_list_ready(
        self, parent: Any, markers: Any, operation: Any, response: Any
    ) -> Any:
        try:
            if response.status == HTTPStatus.OK:
                answer = super()._on_list_ready(parent, markers, operation, response)
                if isinstance(answer, dict):
                    return answer
            problem = _problem(operation, response)
        except Exception as error:  # of any kind: the polling goes on
            problem = error
        if refusals.code(problem) in refusals.BAD_CREDENTIALS:
            queues.reached().credentials.doubt()
        refusals.log(problem, self._name, operation)
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


def _problem(operation: str, response: Any) -> Exception:
    """Why there is no answer: the reason of curl, which kombu calls 599, or of SQS."""
    answer = response.response
    if answer.body is None:
        return HTTPClientError(error=answer.error.message)
    return refusals.read(operation, answer.code, answer.headers, answer.body)
