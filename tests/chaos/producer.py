"""A producer that knows nothing of us: puts bodies on the queues, good and poisonous."""

import random
from dataclasses import dataclass, field

from processing.sqs import publisher, queues
from tests.builders import order_created, order_updated
from tests.poison import corpus

LARGEST = 100_000  # characters; larger bodies have a test of their own


@dataclass
class Sent:
    poison: list[str] = field(default_factory=list)
    events: set[str] = field(default_factory=set)
    """Request ids that SQS took from here."""


class Producer:
    """Sends without the fault proxy, so that what it sent is certain."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(f"{seed}/producer")
        bodies = sorted(body for body in corpus().values() if len(body) < LARGEST)
        self.chance.shuffle(bodies)
        self._poison = bodies
        self.sent = Sent()

    def send(self) -> None:
        """One poisonous body, and one event that may fail."""
        if self._poison:
            body = self._poison.pop()
            queue = self.chance.choice(["orders", "orders", "signups", "jobs"])
            queues.client().send_message(QueueUrl=queues.url(queue), MessageBody=body)
            self.sent.poison.append(body)
        number = self.chance.randrange(10**9)
        event = self.chance.choice(
            [
                order_created(order_id=f"FRN-{number}"),
                order_updated(order_id="ORD-shared", changed_at=_moment(number)),
                order_updated(order_id=f"ORD-never-{number}"),
            ]
        )
        for _ in range(self.chance.choice([1, 1, 2])):  # at least once, as SQS says
            publisher.send_raw(event.queue, event.body)
        self.sent.events.add(event.id)


def _moment(number: int) -> str:
    return f"2025-01-01T{number % 24:02}:{number % 60:02}:00+00:00"
