"""What the tests of the crash points send, and find at the end."""

from dlq_review.models import DeadLetter
from dlq_review.monitoring import books
from processing.events.envelope import Event
from processing.models import Order, Outcome
from processing.sqs import queues
from tests.crash_points.system import Point


def processed_once(*events: Event) -> None:
    """Each event has its outcome, its order and nothing else; the books balance."""
    done = Outcome.objects.filter(kind=Outcome.Kind.PROCESSED)
    ids = {event.id for event in events}
    assert {one.request_id for one in done} == ids
    assert {one.request_id for one in Order.objects.all()} == ids
    assert books.close().balanced


def send_dead(*events: Event) -> None:
    send_dead_bodies(*(event.body for event in events))


def send_dead_bodies(*bodies: str) -> None:
    for body in bodies:
        queues.client().send_message(
            QueueUrl=queues.url("orders-dlq"), MessageBody=body
        )


def pulled(point: Point, event: Event) -> DeadLetter:
    send_dead(event)
    point.drain()
    return DeadLetter.objects.get(request_id=event.id)
