"""A proxy before an SQS server that answers as a broken SQS would, on request."""

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next *times* calls of *action* (or of any, "*")."""

    name: str
    action: str = "*"
    status: int = 0
    """Answer with this status instead of asking SQS."""
    code: str = "InternalError"
    pause: float = 0
    """Seconds before anything else happens."""
    lose_answer: bool = False
    """Let SQS do it, then hang up without an answer."""
    times: int = 1


class FaultProxy(ThreadingHTTPServer):
    """Forwards to the SQS server on *sqs_port*; counts each fault that fired."""

    daemon_threads = True

    def __init__(self, sqs_port: int, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.sqs_port = sqs_port
        self.port = self.server_address[1]
        self.calls: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self._faults: list[list[Any]] = []  # [fault, how often it still fires]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def inject(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append([fault, fault.times])

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()

    def left(self) -> list[Fault]:
        """What was injected and has not fired as often as it should."""
        with self._lock:
            return [replace(fault, times=left) for fault, left in self._faults if left]

    def stop(self) -> None:
        """From now on connections are refused, and those there were are cut."""
        self.shutdown()
        self.server_close()
        with self._lock:
            open_ones = list(self._open)
        for connection in open_ones:
            with contextlib.suppress(OSError):  # its client was faster
                connection.shutdown(socket.SHUT_RDWR)

    def next_fault(self, action: str) -> Fault | None:
        with self._lock:
            self.calls[action] += 1
            for entry in self._faults:
                fault, left = entry
                if left and fault.action in ("*", action):
                    entry[1] -= 1
                    self.fired[fault.name] += 1
                    return fault  # type: ignore[no-any-return]
        return None

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer takes 40 ms more
    server: FaultProxy

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        action = self.headers.get("X-Amz-Target", "?").rpartition(".")[2]
        fault = self.server.next_fault(action)
        if fault is not None:
            time.sleep(fault.pause)
            if fault.status:
                self._answer(fault.status, _error(fault.code))
                return
        status, answer = self._forward(body)
        if fault is not None and fault.lose_answer:
            self.close_connection = True
            return
        self._answer(status, answer)

    def _forward(self, body: bytes) -> tuple[int, bytes]:
        sqs = HTTPConnection("127.0.0.1", self.server.sqs_port, timeout=60)
        try:
            sqs.request("POST", self.path, body, dict(self.headers))
            answer = sqs.getresponse()
            return answer.status, answer.read()
        finally:
            sqs.close()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def _error(code: str) -> bytes:
    return json.dumps({"__type": code, "message": "injected"}).encode()
