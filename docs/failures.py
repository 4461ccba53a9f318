"""Two weeks of failures, as other producers and workers would have left them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

NOW = datetime.now(UTC)
#: queue, event type, error, its text, and how many hours ago it happened each time
HISTORY: tuple[tuple[str, str, str, str, list[float]], ...] = (
    (
        "emails",
        "email_requested",
        "SMTPServerDisconnected",
        "Connection unexpectedly closed.",
        [0.3, 0.5, 0.8, 1.5, 1.7, 2.2, 2.4, 3.5, 5, 7, 11, 26, 27, 29, 50],
    ),
    (
        "orders",
        "order_updated",
        "UnknownOrderError",
        "There is no order 'ORD-4711' yet.",
        [4, 9, 14, 21, 33, 57, 80, 104, 131, 160, 190, 214, 251, 290, 318],
    ),
    (
        "signups",
        "signup_requested",
        "OperationalError",
        "server closed the connection unexpectedly",
        [12, 13, 13.2, 13.5, 96, 97, 240, 241, 242],
    ),
)
DATA: dict[str, dict[str, Any]] = {
    "email_requested": {
        "recipient": "ada@example.com",
        "subject": "Your order is on its way",
        "body": "It was handed to the carrier this morning.",
    },
    "order_updated": {
        "order_id": "ORD-4711",
        "customer_id": "C-17",
        "status": "paid",
        "changed_at": "2026-11-20T10:00:00+00:00",
    },
    "signup_requested": {"email": "grace@example.com", "name": "Grace"},
}


class Queues:
    """Sends messages to the SQS at *endpoint*, without asking Holdfast."""

    def __init__(self, endpoint: str) -> None:
        self.url = f"{endpoint}/000000000000/holdfast-"
        self.client = boto3.client(
            "sqs",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - of the local SQS
        )

    def send(self, queue: str, body: str, **attributes: str) -> None:
        self.client.send_message(
            QueueUrl=f"{self.url}{queue}",
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )


def two_weeks(queues: Queues) -> int:
    """Put HISTORY on the DLQs; return how many."""
    sent = 0
    for queue, type_, error_type, error_text, hours in HISTORY:
        for ago in hours:
            body = {"type": type_, "data": DATA[type_]}
            reason = {
                "error_type": error_type,
                "error_text": error_text,
                "failed_at": (NOW - timedelta(hours=ago)).isoformat(),
                "release": "2026.11.3" if ago < 48 else "2026.11.2",
            }
            queues.send(f"{queue}-dlq", json.dumps(body), failure=json.dumps(reason))
            sent += 1
    return sent


def order(order_id: str, currency: str, quantity: int = 2) -> str:
    """The body of an order as another producer sends it, with an order id of its own."""
    data = {
        "order_id": order_id,
        "customer_id": "C-17",
        "email": "ada@example.com",
        "currency": currency,
        "items": [
            {"sku": "TEA-1", "quantity": quantity, "unit_price": "4.50"},
            {"sku": "CUP-7", "quantity": 1, "unit_price": "12.00"},
        ],
    }
    return json.dumps({"type": "order_created", "data": data})
