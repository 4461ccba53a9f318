"""PostgreSQL is in the middle of a set when the time of the set is over."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from processing.delivery import processor, sets
from processing.models import Order, Outcome
from tests.builders import message, order_created, order_updated
from tests.processing.delivery.test_database_faults import other_connection, trigger
from tests.processing.one_poll import created, in_sets

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="only a server goes on after its client; set DATABASE_URL",
    ),
]


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    with other_connection() as one:
        yield one
        one.rollback()


@pytest.mark.siege
def test_no_neighbour_waits_for_the_lock_that_held_up_the_set(
    other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "LONGEST", 0.2)
    for place in range(2):
        processor.process(order_created(order_id=f"ORD-{place}"))
    free, locked = (
        message(order_updated(order_id=f"ORD-{place}", status="paid"))
        for place in range(2)
    )
    other.execute("SELECT 1 FROM processing_order WHERE order_id = 'ORD-1' FOR UPDATE")
    assert in_sets(free, locked) == []
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")
    processor.handle(free)  # waits until the server has given up the set
    assert Order.objects.get(order_id="ORD-0").status == "paid"
    connection.close()


def test_a_commit_that_takes_too_long_leaves_no_connection_in_the_middle_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Django then raises an error of its own in place of the interruption."""
    monkeypatch.setattr(sets, "LONGEST", 0.2)
    deferred = "CONSTRAINT TRIGGER broken AFTER {} DEFERRABLE INITIALLY DEFERRED"
    together = created(2)
    with trigger(deferred, "processing_outcome", "PERFORM pg_sleep(0.6)"):
        assert in_sets(*together) == []
        assert connection.connection is None
    assert "rolled_back=TookTooLongError" in caplog.text
    for one in together:
        processor.handle(one)
    assert Order.objects.count() == Outcome.objects.count() == 2
