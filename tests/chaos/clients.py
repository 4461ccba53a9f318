"""Clients of the JSON API, each request of which has a fate that is written down."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from intake import request_ids
from processing.events.contract import Contract
from processing.events.contracts import OrderCreated, SignupRequested
from tests.builders import order_data

TRIES = 8  # of one request, always with the same key
PATIENCE = 4  # seconds for one answer
CONTRACTS: dict[str, type[Contract]] = {
    "/api/orders": OrderCreated,
    "/api/signups": SignupRequested,
}
REPEATED = 0.1  # of the accepted requests are sent once more
SHARED_ORDER = 0.03  # of the orders take the id of another one


@dataclass
class Fates:
    """What became of each request, as its client saw it. Threads add, the audit reads."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Path by request id, for every 202."""
    unknown: set[str] = field(default_factory=set)
    """Request ids that never got an answer: they may have been accepted."""
    refused_orders: set[str] = field(default_factory=set)
    """Order ids that only ever got a 4xx."""
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Client(threading.Thread):
    def __init__(self, number: int, seed: int, port: int, fates: Fates) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.number = number
        self.port = port
        self.fates = fates
        self.chance = random.Random(f"{seed}/client/{number}")
        self.paused = threading.Event()
        self.stopped = threading.Event()
        self._sent = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            if self.paused.is_set():
                self.stopped.wait(0.1)
            elif self.chance.random() < 0.1:
                self._send_a_bad_one()
            else:
                self._send_a_good_one()
            self.stopped.wait(self.chance.random() * 0.05)

    def _send_a_good_one(self) -> None:
        path, asked = self._ask()
        key = f"chaos-{self.number}-{self._sent:08}-key"
        request_id = request_ids.from_key(CONTRACTS[path], asked, key)
        for _ in range(TRIES):
            if self._accepted(path, asked, key, request_id):
                break
        else:
            self.fates.unknown.add(request_id)
            return
        if self.chance.random() < REPEATED:
            self._accepted(path, asked, key, request_id)

    def _ask(self) -> tuple[str, dict[str, Any]]:
        self._sent += 1
        name = f"{self.number}-{self._sent}"
        if self.chance.random() < 0.25:
            return "/api/signups", {"email": f"c{name}@example.com", "name": name}
        shared = self.chance.random() < SHARED_ORDER
        order_id = "ORD-shared" if shared else f"ORD-{name}"
        quantity = self.chance.randint(1, 9)
        items = [{"sku": "TEA-1", "quantity": quantity, "unit_price": "4.50"}]
        return "/api/orders", order_data(order_id=order_id, items=items)

    def _accepted(
        self, path: str, asked: dict[str, Any], key: str, request_id: str
    ) -> bool:
        status, answer = self._post(path, json.dumps(asked), key)
        if status == 202:
            if answer.get("requestId") != request_id:
                self.fates.wrong.append(f"{request_id} answered as {answer}")
            self.fates.accepted[request_id] = path
            return True
        if status not in (0, 503):
            self.fates.wrong.append(f"a valid request was answered {status}: {answer}")
        self.stopped.wait(0.2)
        return False

    def _send_a_bad_one(self) -> None:
        self._sent += 1
        order_id = f"BAD-{self.number}-{self._sent}"
        bad = self.chance.choice(
            [
                order_data(order_id=order_id, total="0.01"),
                order_data(order_id=order_id, email="nobody"),
                order_data(order_id=order_id, items=[]),
                {**order_data(order_id=order_id), "is_staff": True},
            ]
        )
        status, answer = self._post("/api/orders", json.dumps(bad), None)
        if status in (0, 503):
            return
        if not 400 <= status < 500:
            self.fates.wrong.append(f"a bad request was answered {status}: {answer}")
        self.fates.refused_orders.add(order_id)

    def _post(
        self, path: str, body: str, key: str | None
    ) -> tuple[int, dict[str, Any]]:
        """The status, 0 where there was none, and the JSON of the answer."""
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        server = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        began = time.monotonic()
        try:
            server.request("POST", path, body, headers)
            answer = server.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.fates.answers[type(error).__name__] += 1
            return 0, {}
        finally:
            server.close()
        self.fates.answers[str(status)] += 1
        try:
            return status, json.loads(text)
        except ValueError:
            return status, {"text": text[:200], "after": time.monotonic() - began}
