"""Calls to SQS through curl, for callers that wait or make many.

boto3 spends five to seven times the processor time of curl on a SendMessageBatch, nearly
all of it in Python where no other thread may run; curl signs and sends outside Python
(`python -m benchmarks --only call`). Arguments, results and errors are those of boto3. A
call is tried once. The exception is a kept connection that turns out to be closed: curl
sends again, and SQS may already have the message.
"""

import base64
import contextlib
import json
from http import HTTPStatus
from io import BytesIO
from math import inf
from typing import Any

import pycurl
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from processing.sqs import access, call_counter, meanwhile, refusals

_HEADERS = [
    "Content-Type: application/x-amz-json-1.0",
    "X-Amzn-Query-Mode: true",  # keeps the error codes that boto3 raises
    "Expect:",  # SQS need not be asked whether it wants a large body
]
_NOT_REACHED = {pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_CONNECT}
_QUICK_EXIT = 322  # curl's option, which pycurl does not name


class QuickSQS:
    """Some calls of boto3's SQS client, each tried once and with a time limit.

    They raise ClientError if SQS refuses, and if it does not answer
    EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, HTTPClientError or
    CredentialsError.
    """

    def __init__(self, sqs: access.Access) -> None:
        self._access = sqs
        self._idle: list[pycurl.Curl] = []  # each keeps its connection

    def send_message(self, **call: Any) -> dict[str, Any]:
        return self._call("SendMessage", call)

    def send_message_batch(self, *, within: float = inf, **call: Any) -> dict[str, Any]:
        """*within* is a time limit in seconds below the usual one."""
        return self._call(
            "SendMessageBatch", call, within, prepares=meanwhile.is_pending()
        )

    def receive_message(self, **call: Any) -> dict[str, Any]:
        return self._call("ReceiveMessage", call, patience=access.UNHURRIED_ANSWER)

    def delete_message_batch(self, **call: Any) -> dict[str, Any]:
        return self._call("DeleteMessageBatch", call, patience=access.UNHURRIED_ANSWER)

    def change_message_visibility_batch(self, **call: Any) -> dict[str, Any]:
        return self._call("ChangeMessageVisibilityBatch", call)

    def get_queue_attributes(self, **call: Any) -> dict[str, Any]:
        return self._call("GetQueueAttributes", call)

    def _call(
        self,
        action: str,
        parameters: dict[str, Any],
        within: float = inf,
        patience: float = access.QUICK_ANSWER,
        *,
        prepares: bool = False,
    ) -> dict[str, Any]:
        body = json.dumps(parameters, default=_base64).encode()
        known = self._access.credentials.within(access.QUICK_CREDENTIALS)
        curl = self._idle_curl()
        sign(curl, known, action)
        answer_headers = BytesIO()
        curl.setopt(pycurl.HEADERFUNCTION, answer_headers.write)
        curl.setopt(pycurl.POSTFIELDS, body)
        seconds = min(patience + len(body) / 1024 / 1000, within)
        curl.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
        curl.setopt(pycurl.NOPROGRESS, not prepares)
        call_counter.count(action)
        try:
            answer = curl.perform_rb()
        except pycurl.error as error:
            raise self._no_answer(curl, error) from None
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        self._idle.append(curl)
        try:
            return read(action, status, answer_headers.getvalue(), answer)
        except ClientError as refused:
            if refusals.code(refused) in refusals.BAD_CREDENTIALS:
                self._access.credentials.doubt()
            raise

    def _idle_curl(self) -> pycurl.Curl:
        try:
            return self._idle.pop()
        except IndexError:
            made = new_curl(self._access, access.QUICK_CONNECT)
            made.setopt(pycurl.XFERINFOFUNCTION, _prepare_when_sent)
            return made

    def _no_answer(self, curl: pycurl.Curl, error: pycurl.error) -> Exception:
        code, reason = error.args
        details = {"endpoint_url": self._access.endpoint, "error": reason}
        if code in _NOT_REACHED:
            return EndpointConnectionError(**details)
        if code != pycurl.E_OPERATION_TIMEDOUT:
            return HTTPClientError(error=reason)
        if curl.getinfo(pycurl.REQUEST_SIZE):
            return ReadTimeoutError(**details)
        return ConnectTimeoutError(**details)


def _prepare_when_sent(_length: int, _read: int, length: int, sent: int) -> None:
    """curl tells its progress, also when there is none."""
    if sent == length > 0:
        meanwhile.prepare()


def new_curl(sqs: access.Access, connect: float) -> pycurl.Curl:
    """A handle for calls that reach SQS as *sqs* says; *connect* is a time limit in seconds."""
    curl = pycurl.Curl()
    sqs.tell(curl)
    curl.setopt(pycurl.URL, f"{sqs.endpoint}/")
    curl.setopt(pycurl.AWS_SIGV4, f"aws:amz:{sqs.region}:sqs")
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(connect * 1000))
    curl.setopt(_QUICK_EXIT, 1)  # do not wait for a name server that hangs
    return curl


def sign(curl: pycurl.Curl, known: ReadOnlyCredentials, action: str) -> None:
    """Let *curl* sign its next call, *action*, with the credentials *known*."""
    headers = [*_HEADERS, f"X-Amz-Target: AmazonSQS.{action}"]
    if known.token:
        headers.append(f"X-Amz-Security-Token: {known.token}")
    curl.setopt(pycurl.USERNAME, known.access_key)
    curl.setopt(pycurl.PASSWORD, known.secret_key)
    curl.setopt(pycurl.HTTPHEADER, headers)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def read(action: str, status: int, head: bytes, body: bytes) -> dict[str, Any]:
    """The answer of SQS. Raises ClientError, or HTTPClientError where it is none."""
    if status != HTTPStatus.OK:
        lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
        headers = {name: value.strip() for name, _, value in lines}
        raise refusals.read(action, status, headers, body)
    with contextlib.suppress(ValueError, RecursionError):
        answer = json.loads(body)
        if isinstance(answer, dict):
            return {name: value for name, value in answer.items() if value is not None}
    raise HTTPClientError(error="The answer is not a JSON object.")
