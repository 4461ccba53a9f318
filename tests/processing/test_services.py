import pytest

from processing import queues, services
from processing.models import Attempt, Order, Outcome
from tests.builders import message, order_created

pytestmark = pytest.mark.django_db


def test_the_same_event_twice_takes_effect_once() -> None:
    event = order_created()
    services.handle(message(event))
    services.handle(message(event))
    assert Order.objects.count() == 1
    assert Outcome.objects.get().kind == "processed"


def test_a_message_that_is_no_event_goes_to_the_dlq_with_the_reason(sqs: None) -> None:
    services.handle(message('{"invalid_json": "this will cause a parsing error"'))
    (dead,) = queues.receive("orders-dlq")
    assert dead.body == '{"invalid_json": "this will cause a parsing error"'
    assert "UnreadableEventError" in dead.attributes["failure"]
    assert Attempt.objects.get().permanent
