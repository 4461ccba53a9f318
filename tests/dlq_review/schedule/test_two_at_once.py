"""Two processes that look at the same policy, on PostgreSQL."""

import pytest
from django.db import connection

from dlq_review.models import Operation
from dlq_review.schedule import runs
from tests.builders import dead_letter
from tests.dlq_review.policies import active
from tests.dlq_review.threads import together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite has one writer at a time"
    ),
]


def test_of_those_who_look_at_the_same_moment_one_begins_each_run() -> None:
    dead_letter()
    policies = [active().pk for _ in range(5)]

    def look() -> None:
        runs.begin_due()

    together(look, look, look)
    begun = Operation.objects.order_by("policy").values_list("policy", flat=True)
    assert list(begun) == policies
