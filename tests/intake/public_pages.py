"""Filling in the public forms as a browser does."""

import re
from collections.abc import Callable
from typing import Any

from django.test import Client

from processing.events.envelope import Event, parse
from processing.sqs import queues


def hidden_fields(page: Any) -> dict[str, str]:
    found = re.search(r'name="form_token" value="([^"]+)"', page.content.decode())
    assert found
    return {"form_token": found[1], "complete": "yes"}


def order_form(client: Client, **changes: Any) -> dict[str, str]:
    return {
        **hidden_fields(client.get("/orders/new", follow=True)),
        "customer_id": "C-17",
        "email": "ada@example.com",
        "currency": "EUR",
        "items-0-sku": "TEA-1",
        "items-0-quantity": "2",
        "items-0-unit_price": "4.50",
        **changes,
    }


def change_form(client: Client, **changes: Any) -> dict[str, str]:
    return {
        **hidden_fields(client.get("/orders/change", follow=True)),
        **{"order_id": "ORD-1", "customer_id": "C-17", "status": "paid"},
        **changes,
    }


def signup_form(client: Client, **changes: Any) -> dict[str, str]:
    filled = {"name": "Ada", "email": "ada@example.com"}
    return {
        **hidden_fields(client.get("/signups/new", follow=True)),
        **filled,
        **changes,
    }


#: Each public form, by its address.
FORMS: dict[str, Callable[[Client], dict[str, str]]] = {
    "/orders/new": order_form,
    "/orders/change": change_form,
    "/signups/new": signup_form,
}


def queued(queue: str) -> list[Event]:
    return [parse(m.body, fallback_id=m.id) for m in queues.receive(queue)]
