"""Calls to SQS while the event loop of a worker goes on, through curl's multi interface.

kombu signs and reads each call with botocore, and tells curl two dozen options for each. That
takes five times the processor time of curl, which signs for itself (sqs/curl_client.py).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pycurl
from botocore.exceptions import HTTPClientError
from kombu.asynchronous import Hub

from processing.sqs import access, curl_client

Answered = Callable[[dict[str, Any] | Exception], None]


@dataclass(eq=False, slots=True)
class _Call:
    action: str
    answered: Answered
    headers: BytesIO = field(default_factory=BytesIO)
    body: BytesIO = field(default_factory=BytesIO)


class Client:
    """Keeps and shares its connections. It ends with the event loop, and drops its calls."""

    def __init__(self, hub: Hub, sqs: access.Access) -> None:
        self.is_closed = False
        self._hub = hub
        self._access = sqs
        self._timer: Any = None
        self._idle: list[pycurl.Curl] = []
        self._calls: dict[pycurl.Curl, _Call] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timeout)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._handle_socket)
        hub.on_close.add(self.close)

    def call(
        self,
        action: str,
        parameters: dict[str, Any],
        seconds: float,
        answered: Answered,
    ) -> None:
        """Ask SQS, for *seconds* at most. *answered* gets what it answers, or the error.

        Raises CredentialsError.
        """
        known = self._access.credentials.get_frozen_credentials()
        if self.is_closed:
            return
        call = _Call(action, answered)
        curl = self._idle.pop() if self._idle else self._new_curl()
        curl_client.sign(curl, known, action)
        curl.setopt(pycurl.POSTFIELDS, json.dumps(parameters).encode())
        curl.setopt(pycurl.HEADERFUNCTION, call.headers.write)
        curl.setopt(pycurl.WRITEFUNCTION, call.body.write)
        curl.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
        self._calls[curl] = call
        self._multi.add_handle(curl)

    def _new_curl(self) -> pycurl.Curl:
        return curl_client.new_curl(self._access, access.POLL_CONNECT)

    def close(self, *_: Any) -> None:
        self.is_closed = True
        self._hub.on_close.discard(self.close)
        self._set_timeout(-1)
        for curl in self._calls:
            self._multi.remove_handle(curl)
            curl.close()
        self._calls.clear()
        self._multi.close()

    def _set_timeout(self, milliseconds: int) -> None:
        """Called by curl: there is one timer, and this is when it is due (-1: never)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds >= 0:
            self._timer = self._hub.call_later(milliseconds / 1000, self._is_due)

    def _handle_socket(self, event: int, fd: int, multi: Any, data: Any) -> None:
        """Called by curl when it begins or ends to wait for *fd*, and before it closes it."""
        self._hub.remove(fd)
        if event == pycurl.POLL_IN:
            self._hub.add_reader(fd, self._go_on, fd, pycurl.CSELECT_IN)
        elif event in (pycurl.POLL_OUT, pycurl.POLL_INOUT):
            self._hub.add_writer(fd, self._go_on, fd, pycurl.CSELECT_OUT)

    def _is_due(self) -> None:
        self._timer = None
        self._go_on(pycurl.SOCKET_TIMEOUT, 0)

    def _go_on(self, fd: int, event: int) -> None:
        self._multi.socket_action(fd, event)
        left = 1
        while left:
            left, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                self._end(curl, "")
            for curl, _, reason in failed:
                self._end(curl, reason)

    def _end(self, curl: pycurl.Curl, failed: str) -> None:
        call = self._calls.pop(curl)
        self._multi.remove_handle(curl)
        self._idle.append(curl)
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        try:
            if failed:
                raise HTTPClientError(error=failed)
            answer: Any = curl_client.read(
                call.action, status, call.headers.getvalue(), call.body.getvalue()
            )
        except Exception as error:  # of any kind: the caller goes on
            answer = error
        call.body.close()  # the handle keeps it until its next call, up to 10 MiB
        call.answered(answer)
