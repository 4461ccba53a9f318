"""PostgreSQL is in the middle of something when the time for it is over."""

import os
import signal
import threading
from collections.abc import Iterator

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection

from processing.delivery import processor, sets
from processing.models import Attempt, Order, Outcome
from tests.builders import message, order_created, order_updated
from tests.databases import connected
from tests.processing.delivery.test_database_faults import trigger
from tests.processing.one_poll import created, in_sets

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="only a server goes on after its client; set DATABASE_URL",
    ),
]


COMMITTING = "CONSTRAINT TRIGGER broken AFTER {} DEFERRABLE INITIALLY DEFERRED"


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    with connected() as one:
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
    together = created(2)
    with trigger(COMMITTING, "processing_outcome", "PERFORM pg_sleep(0.6)"):
        assert in_sets(*together) == []
        assert connection.connection is None
    assert "rolled_back=TookTooLongError" in caplog.text
    for one in together:
        processor.handle(one)
    assert Order.objects.count() == Outcome.objects.count() == 2


def test_an_event_whose_commit_ran_into_the_time_limit_has_its_attempt() -> None:
    def strike(*_: object) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGUSR1, strike)
    event = order_created(order_id="ORD-0")
    wait = "PERFORM pg_sleep(0.6)"
    try:
        with trigger(COMMITTING, "processing_outcome", wait):
            threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGUSR1]).start()
            with pytest.raises(processor.RetryLaterError):
                processor.handle(message(event))
    finally:
        signal.signal(signal.SIGUSR1, before)
    attempt = Attempt.objects.get()
    assert attempt.error_type == "SoftTimeLimitExceeded"
    processor.handle(message(event, receive_count=2))
    assert Order.objects.count() == Outcome.objects.count() == 1
