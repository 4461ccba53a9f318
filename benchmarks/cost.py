"""Cost: what one order takes, from the client to the row, by how the orders come.

A web server and a worker, as the Procfile starts them, get different orders from a number of
clients. Counted for each order: calls to SQS, processor time, bytes of the logs and, on PostgreSQL,
bytes of the tables. `manage.py costs` turns these figures into money.
"""

import http.client
import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Thread
from time import monotonic, sleep

from benchmarks.accept import Site, site
from benchmarks.children import Child, running
from benchmarks.clients import ORDER
from benchmarks.idle import PROCESSES
from benchmarks.surroundings import Surroundings, wait_until
from processing.models import Outcome
from processing.sqs import queues
from project.costs import rows
from project.costs.measured import Pattern


@dataclass(frozen=True, slots=True)
class Way:
    """How orders come: each of *clients* sends one, *pause* seconds after the one before."""

    clients: int
    pause: float
    orders: int


WAYS = {
    "trickle": Way(clients=1, pause=0.5, orders=60),
    "steady": Way(clients=10, pause=0.2, orders=1_000),
    "burst": Way(clients=32, pause=0, orders=3_200),
}


@dataclass(frozen=True, slots=True)
class Order(Pattern):
    table_bytes: float


FIGURES = {
    "sends": "SendMessageBatch",
    "receives": "ReceiveMessage",
    "deletes": "DeleteMessageBatch",
    "web_cpu_ms": "web CPU ms",
    "worker_cpu_ms": "worker CPU ms",
    "log_bytes": "bytes of logs",
    "table_bytes": "bytes of tables",
}


def measure(around: Surroundings) -> dict[str, Order]:
    with ExitStack() as stack:
        web = stack.enter_context(site(around, "ours", "project.settings", 2, 16))
        command = PROCESSES["worker"]
        worker = stack.enter_context(
            running("worker", *command, env={}, folder=around.folder)
        )
        _run(web, worker, Way(clients=4, pause=0, orders=100))  # imports, connections
        return {name: _measured(around, web, worker, WAYS[name]) for name in WAYS}


def _measured(around: Surroundings, web: Site, worker: Child, way: Way) -> Order:
    calls = Counter(around.calls("orders"))
    cpu, logs = (web.server.cpu(), worker.cpu()), _logged(web, worker)
    _run(web, worker, way)
    calls = Counter(around.calls("orders")) - calls
    return Order(
        sends=calls["SendMessageBatch"] / way.orders,
        receives=calls["ReceiveMessage"] / way.orders,
        deletes=calls["DeleteMessageBatch"] / way.orders,
        web_cpu_ms=(web.server.cpu() - cpu[0]) * 1000 / way.orders,
        worker_cpu_ms=(worker.cpu() - cpu[1]) * 1000 / way.orders,
        log_bytes=(_logged(web, worker) - logs) / way.orders,
        table_bytes=rows.bytes_of_an_order() or 0,
    )


def _logged(web: Site, worker: Child) -> int:
    return sum(child.log.stat().st_size for child in (web.server, worker))


def _run(web: Site, worker: Child, way: Way) -> None:
    """Send the orders of *way*, and wait until each has its outcome."""
    before = Outcome.objects.count()
    each = way.orders // way.clients
    threads = [
        Thread(target=_send, args=(web.port, each, way.pause))
        for _ in range(way.clients)
    ]
    for thread in threads:
        thread.start()
        sleep(way.pause / way.clients)  # spread over the pause
    for thread in threads:
        thread.join()
    wait_until(
        lambda: Outcome.objects.count() - before >= way.orders, worker.check, 0.2
    )
    wait_until(lambda: queues.depth("orders") == queues.Depth(0, 0), worker.check, 0.2)


def _send(port: int, number: int, pause: float) -> None:
    """Different orders, because the web server names each that has no order_id."""
    order = json.dumps(
        {key: value for key, value in ORDER.items() if key != "order_id"}
    )
    connection = http.client.HTTPConnection("127.0.0.1", port)
    due = monotonic()
    for _ in range(number):
        sleep(max(0, due - monotonic()))
        due += pause
        connection.request(
            "POST", "/api/orders", order, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise RuntimeError(f"The order was not accepted: {answer.status}.")
