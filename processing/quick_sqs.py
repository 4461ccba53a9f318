"""The calls to SQS that somebody waits for, through curl.

boto3 spends five to seven times the processor time of curl on a SendMessageBatch, nearly
all of it in Python where no other thread may run; curl signs and sends outside Python
(`python -m benchmarks --only call`). What is asked, answered and raised is as with boto3.

A call is tried once, but for a kept connection that turns out to be closed: there curl asks
again, and SQS may have had the message before.
"""

import base64
import contextlib
import json
import os
from http import HTTPStatus
from io import BytesIO
from typing import Any

import pycurl
from botocore.awsrequest import HeadersDict
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.httpsession import get_cert_path
from botocore.parsers import create_parser
from botocore.session import Session

CONNECT = 500  # milliseconds, with the name looked up and the certificate checked
ANSWER = 1000  # milliseconds from the start of a call, and one more for each KiB sent
_HEADERS = [
    "Content-Type: application/x-amz-json-1.0",
    "X-Amzn-Query-Mode: true",  # errors are to keep the codes that boto3 raises
    "Expect:",  # SQS need not be asked whether it wants a large body
]
_NOT_REACHED = {pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_CONNECT}
_QUICK_EXIT = 322  # curl's option, which pycurl does not name
_PARSER = create_parser("json")  # of refusals, which have no shape
_NO_SHAPE: Any = None
_LOCAL = Credentials("local", "local")


class QuickSQS:
    """Some calls of boto3's SQS client, each tried once and bound in time.

    They raise ClientError where SQS refuses, and where it does not answer
    EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, HTTPClientError or
    NoCredentialsError.
    """

    def __init__(self, endpoint: str, region: str, *, local: bool = False) -> None:
        """*local* is a server of ours, which takes any credentials."""
        self._endpoint = endpoint
        self._region = region
        self._idle: list[pycurl.Curl] = []  # each keeps its connection
        session = Session()
        self._ca_bundle = (
            session.get_config_variable("ca_bundle")
            or os.environ.get("REQUESTS_CA_BUNDLE")
            or get_cert_path(True)
        )
        self._credentials = _LOCAL if local else session.get_credentials()

    def send_message(self, **call: Any) -> dict[str, Any]:
        return self._call("SendMessage", call)

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        return self._call("SendMessageBatch", call)

    def get_queue_attributes(self, **call: Any) -> dict[str, Any]:
        return self._call("GetQueueAttributes", call)

    def _call(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(parameters, default=_base64).encode()
        headers = [*_HEADERS, f"X-Amz-Target: AmazonSQS.{action}"]
        if self._credentials is None:
            raise NoCredentialsError
        known = self._credentials.get_frozen_credentials()  # as they are just now
        if known.token:
            headers.append(f"X-Amz-Security-Token: {known.token}")
        told = BytesIO()
        curl = self._idle_curl()
        curl.setopt(pycurl.USERNAME, known.access_key)
        curl.setopt(pycurl.PASSWORD, known.secret_key)
        curl.setopt(pycurl.HTTPHEADER, headers)
        curl.setopt(pycurl.HEADERFUNCTION, told.write)
        curl.setopt(pycurl.TIMEOUT_MS, ANSWER + len(body) // 1024)
        curl.setopt(pycurl.POSTFIELDS, body)
        try:
            answer = curl.perform_rb()
        except pycurl.error as error:
            raise self._no_answer(curl, error) from None
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        self._idle.append(curl)
        return _read(action, status, told.getvalue(), answer)

    def _idle_curl(self) -> pycurl.Curl:
        try:
            return self._idle.pop()
        except IndexError:
            return self._new_curl()

    def _new_curl(self) -> pycurl.Curl:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, f"{self._endpoint}/")
        curl.setopt(pycurl.CAINFO, self._ca_bundle)
        curl.setopt(pycurl.AWS_SIGV4, f"aws:amz:{self._region}:sqs")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, CONNECT)
        curl.setopt(pycurl.NOSIGNAL, 1)  # threads share a process's signals
        curl.setopt(_QUICK_EXIT, 1)  # a name server that hangs is not waited for
        return curl

    def _no_answer(self, curl: pycurl.Curl, error: pycurl.error) -> Exception:
        code, reason = error.args
        if code in _NOT_REACHED:
            return EndpointConnectionError(endpoint_url=self._endpoint)
        if code != pycurl.E_OPERATION_TIMEDOUT:
            return HTTPClientError(error=reason)
        if curl.getinfo(pycurl.REQUEST_SIZE):
            return ReadTimeoutError(endpoint_url=self._endpoint)
        return ConnectTimeoutError(endpoint_url=self._endpoint)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _read(action: str, status: int, head: bytes, body: bytes) -> dict[str, Any]:
    if status != HTTPStatus.OK:
        raise _refusal(action, status, head, body)
    with contextlib.suppress(ValueError, RecursionError):
        answer = json.loads(body)
        if isinstance(answer, dict):
            return {name: value for name, value in answer.items() if value is not None}
    raise HTTPClientError(error="The answer is not a JSON object.")


def _refusal(action: str, status: int, head: bytes, body: bytes) -> Exception:
    lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
    response = {
        "status_code": status,
        "headers": HeadersDict({name: value.strip() for name, _, value in lines}),
        "body": body if body.startswith(b"{") else b"",  # a proxy answers in HTML
    }
    try:
        parsed = _PARSER.parse(response, _NO_SHAPE)
        return ClientError({"Error": parsed["Error"]}, action)
    except Exception:  # it is no answer of SQS
        return HTTPClientError(error=f"HTTP {status}")
