"""Calling the API as a program does."""

import json
from typing import Any

from django.test import Client

KEY = "4f9d2c1e-aaaa-bbbb-cccc-0123456789ab"


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return send(client, "POST", path, body, **headers)


def send(client: Client, method: str, path: str, body: Any, **headers: str) -> Any:
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return client.generic(
        method, path, body, headers={"Content-Type": "application/json", **headers}
    )
