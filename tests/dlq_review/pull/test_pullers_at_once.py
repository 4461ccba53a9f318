"""Pullers that meet the first messages of one letter at the same moment."""

from functools import partial

import pytest
from django.db import connection

from dlq_review.models import DeadLetter
from dlq_review.pull.arrivals import join
from tests.builders import dead_message, failure, order_created
from tests.dlq_review.threads import together

PULLERS = 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time"
)
def test_pullers_that_begin_a_letter_at_once_count_each_arrival_once() -> None:
    """One begins the letter; the others read what they count up after each other."""
    for number in range(15):
        event = order_created()
        # Each in a group of its own, so that they do not wait for the row of a group.
        messages = [
            dead_message(
                event, attributes=failure(error_type=f"Error{number}of{puller}Error")
            )
            for puller in range(PULLERS)
        ]
        together(*(partial(join, one) for one in messages))
    for letter in DeadLetter.objects.all():
        assert letter.arrival_count == letter.arrivals.count() == PULLERS
