"""A database that takes connections and gives no answers, before the real web and worker."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import psycopg
import pytest
from django.db import connection

from processing.models import Order
from processing.receipts import Receipt
from processing.sqs import publisher, queues
from tests.builders import order_created, order_data
from tests.database_proxy import DatabaseProxy
from tests.databases import through
from tests.live import LiveSystem, database_url, wait_for

PATIENCE = 2.5  # seconds for one order while a crowd asks for what the database knows
WAITING = 24  # at once; three for each thread of the web server

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="stands before PostgreSQL; set DATABASE_URL",
    ),
]


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    """The status and its Retry-After."""
    server = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        server.request(method, path, body, {"Content-Type": "application/json"})
        answer = server.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Retry-After", "")
    finally:
        server.close()


def order(port: int) -> float:
    """Seconds until an order is accepted."""
    began = time.monotonic()
    status, _ = ask(port, "POST", "/api/orders", json.dumps(order_data()))
    assert status == 202
    return time.monotonic() - began


def crowd(port: int) -> list[str]:
    """Addresses whose answers the database knows."""
    token = Receipt.of(order_created()).token
    return [
        f"/api/requests/{token}",
        f"/receipts/{token}/",
        "/readyz",
        "/admin/login/",
        "/admin/processing/order/",
        "/verify/nobody:knows/",
    ]


def test_orders_are_accepted_while_a_crowd_waits_for_a_database_that_hangs(
    system: LiveSystem, database: DatabaseProxy
) -> None:
    plain = {"DJANGO_SETTINGS_MODULE": "tests.settings_of_a_server"}
    port = system.start_web(**through(database), **plain)
    paths = [*crowd(port)] * (WAITING // 6) + [crowd(port)[0]] * WAITING
    with ThreadPoolExecutor(len(paths)) as threads:  # each thread has a connection now
        before = list(threads.map(lambda path: ask(port, "GET", path), paths * 2))
        database.hang()
        asked = [threads.submit(ask, port, "GET", path) for path in paths * 2]
        delays = [order(port) for _ in range(30)]
        answers = [one.result() for one in asked]
    assert {status for status, _ in before[len(paths) :]} <= {200, 302, 410, 503}
    assert max(delays) < PATIENCE
    assert sum(delays[10:]) < PATIENCE, "after the first moment nothing is waited for"
    kinds = Counter(status for status, _ in answers)
    assert kinds.keys() <= {200, 302, 503, 410}, kinds
    assert all(wait for status, wait in answers if status == 503)
    assert kinds[503] > WAITING, "most were not even let in"
    assert queues.depth("orders").visible == len(delays)
    database.go_on()
    wait_for(lambda: ask(port, "GET", "/readyz")[0] == 200)
    assert ask(port, "GET", "/admin/login/")[0] == 200
    assert "Traceback" not in system.log("web")


def test_an_order_that_neither_sqs_nor_the_database_takes_is_refused_in_time(
    system: LiveSystem, database: DatabaseProxy
) -> None:
    nobody = {"SQS_ENDPOINT_URL": "http://127.0.0.1:9"}
    port = system.start_web(**through(database), **nobody)
    body = json.dumps(order_data())
    assert ask(port, "POST", "/api/orders", body)[0] == 202
    database.hang()
    delays = []
    for _ in range(12):
        began = time.monotonic()
        assert ask(port, "POST", "/api/orders", body) == (503, "30")
        delays.append(time.monotonic() - began)
    assert max(delays) < 5
    assert sorted(delays)[6] < 0.5, "after the first few nothing is waited for"
    database.go_on()
    wait_for(lambda: ask(port, "POST", "/api/orders", body)[0] == 202)


def test_receipts_that_wait_for_a_lock_leave_room_for_orders(
    system: LiveSystem,
) -> None:
    port = system.start_web()
    path = crowd(port)[0]
    assert ask(port, "GET", path)[0] == 200
    url = database_url().replace("postgres://", "postgresql://", 1)
    with psycopg.connect(url) as other, ThreadPoolExecutor(WAITING) as threads:
        other.execute("LOCK TABLE processing_outcome IN ACCESS EXCLUSIVE MODE")
        asked = [threads.submit(ask, port, "GET", path) for _ in range(WAITING * 4)]
        assert max(order(port) for _ in range(20)) < PATIENCE
        assert {one.result()[0] for one in asked} <= {200, 503}
        wait_for(lambda: backends_that_wait() == 0, patience=10)
        other.rollback()


def backends_that_wait() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def test_a_worker_stops_receiving_while_the_database_hangs(
    system: LiveSystem, database: DatabaseProxy
) -> None:
    system.start_worker(**through(database), **{"WORKER_CONCURRENCY": "1"})
    publisher.publish(order_created())
    wait_for(Order.objects.exists)
    database.hang()
    publisher.publish_many([order_created() for _ in range(20)])
    wait_for(lambda: "receiving=stopped" in system.log("worker"), patience=90)
    database.go_on()
    wait_for(lambda: "receiving=resumed" in system.log("worker"))
    wait_for(lambda: Order.objects.count() == 21, patience=60)
    assert queues.depth("orders-dlq") == queues.Depth(0, 0)
