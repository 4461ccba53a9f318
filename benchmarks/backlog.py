"""The events of a run, and how each kind of worker gets them onto its queue."""

from collections.abc import Iterable

from benchmarks import stock_celery
from processing.events.contracts import OrderCreated
from processing.events.envelope import Event, new_id
from processing.sqs import publisher, queues


def orders(number: int) -> list[Event]:
    """*number* new orders of two lines."""
    return [
        Event.new(
            OrderCreated.model_validate(
                {
                    "order_id": new_id(),
                    "customer_id": f"C-{count % 97}",
                    "email": "ada@example.com",
                    "currency": "EUR",
                    "items": [
                        {"sku": "TEA-1", "quantity": 2, "unit_price": "4.50"},
                        {"sku": "CUP-2", "quantity": 1, "unit_price": "12.00"},
                    ],
                }
            )
        )
        for count in range(number)
    ]


def publish(queue: str, events: Iterable[Event]) -> None:
    """As Holdfast does it."""
    if any(sent.error for sent in publisher.publish_many(events)):
        raise RuntimeError(f"{queue}: SQS did not take the whole backlog.")


def delay(queue: str, events: Iterable[Event]) -> None:
    """As Celery does it."""
    for event in events:
        stock_celery.process.apply_async([event.body], queue=queue)


def send(queue: str, events: Iterable[Event]) -> None:
    """As boto3 does it."""
    bodies = [event.body for event in events]
    for start in range(0, len(bodies), queues.BATCH):
        queues.client().send_message_batch(
            QueueUrl=queues.url(queue),
            Entries=[
                {"Id": str(number), "MessageBody": body}
                for number, body in enumerate(bodies[start : start + queues.BATCH])
            ],
        )
