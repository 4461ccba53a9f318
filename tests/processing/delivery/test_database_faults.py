"""The database refuses or breaks off in the middle of an event: nothing half done stays.

The faults are PostgreSQL's own: a trigger raises its error, or ends the connection.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import close_old_connections, connection

from processing.delivery import processor
from processing.delivery.processor import RetryLaterError
from processing.models import Order, Outcome
from tests.builders import message, order_created
from tests.databases import connected

pytestmark = [
    pytest.mark.siege,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="the faults are PostgreSQL's; set DATABASE_URL",
    ),
]


@contextmanager
def trigger(timing: str, table: str, statement: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION break_it() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {statement}; RETURN NEW; END $$"
        )
        cursor.execute(
            f"CREATE {timing.format(f'INSERT ON {table}')} "
            "FOR EACH ROW EXECUTE FUNCTION break_it()"
        )
    try:
        yield
    finally:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION break_it CASCADE")


def disk_full() -> AbstractContextManager[None]:
    full = "RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'"
    return trigger("TRIGGER broken BEFORE {}", "processing_orderitem", full)


def reset_in_commit() -> AbstractContextManager[None]:
    """A deferred trigger runs within COMMIT."""
    return trigger(
        "CONSTRAINT TRIGGER broken AFTER {} DEFERRABLE INITIALLY DEFERRED",
        "processing_outcome",
        "PERFORM pg_terminate_backend(pg_backend_pid())",
    )


@contextmanager
def lock_timeout() -> Iterator[None]:
    """Somebody else holds the table and does not let go."""
    with connected() as other:
        other.execute("LOCK TABLE processing_order IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        yield
        other.rollback()


@pytest.mark.parametrize("fault", [disk_full, reset_in_commit, lock_timeout])
def test_a_fault_in_the_middle_leaves_nothing_and_the_next_delivery_does_it_once(
    fault: Callable[[], AbstractContextManager[None]],
) -> None:
    event = order_created(order_id="ORD-1")
    with fault(), pytest.raises(RetryLaterError):
        processor.handle(message(event))
    close_old_connections()  # as Celery does before each task
    assert not Outcome.objects.exists()
    assert not Order.objects.exists()
    processor.handle(message(event, receive_count=2))
    processor.handle(message(event, receive_count=3))
    assert Order.objects.get().order_id == "ORD-1"
    assert Outcome.objects.get().kind == "processed"
