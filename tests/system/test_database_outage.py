"""While the database is away good messages stay on SQS: none reaches a DLQ.

Five minutes with the production backoff of 30 s, scaled down thirtyfold.
"""

import threading
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from processing.models import Order
from processing.sqs import publisher, queues
from tests.builders import order_created
from tests.databases import database_away
from tests.live import live_system, wait_for

OUTAGE = 10  # seconds

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="takes PostgreSQL away; set DATABASE_URL",
    ),
]


def test_an_outage_of_the_database_sends_no_message_to_the_dlq(
    tmp_path: Path, settings: Settings
) -> None:
    events = [order_created() for _ in range(40)]
    with live_system(tmp_path, settings) as system:
        worker = system.start_worker(DATABASE_CONN_MAX_AGE="60")
        publisher.publish(order_created())
        wait_for(Order.objects.exists)
        with database_away():
            publisher.publish_many(events)
            threading.Event().wait(OUTAGE)
            assert queues.depth("orders").visible > 0
        wait_for(lambda: Order.objects.count() == len(events) + 1)
        assert queues.depth("orders-dlq") == queues.Depth(0, 0)
        assert "receiving=stopped" in system.log("worker")
        assert "receiving=resumed" in system.log("worker")
        assert worker.poll() is None
