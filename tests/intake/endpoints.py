"""Every endpoint of the API, with a request that it takes."""

import json
from typing import Any

from processing.receipts import Receipt
from tests.builders import order_data, order_updated

CHANGE = {
    "customer_id": "C-17",
    "status": "paid",
    "changed_at": "2026-11-20T10:00:00Z",
}
SIGNUP = {"email": "ada@example.com", "name": "Ada"}
TAKING: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/orders"): order_data(),
    ("PATCH", "/api/orders/ORD-7"): CHANGE,
    ("POST", "/api/signups"): SIGNUP,
    ("POST", "/api/batches"): {
        "events": [{"type": "signup_requested", "data": SIGNUP}]
    },
}
STATUS = "/api/requests/" + Receipt.of(order_updated()).token
EVERY = [*TAKING, ("GET", STATUS), ("GET", "/api/openapi.json")]


def body_of(endpoint: tuple[str, str]) -> bytes:
    return json.dumps(TAKING[endpoint]).encode() if endpoint in TAKING else b""
