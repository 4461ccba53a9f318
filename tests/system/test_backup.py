"""docs/upgrade.md, Backup and restore: real processes accept and process all the time.

pg_dump and pg_restore are those of the machine, and the queues outlive the database.
"""

import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from processing.models import Outcome
from processing.sqs import publisher, queues
from tests.builders import order_data
from tests.databases import database_away, pg_dump, read_only_database, restored
from tests.live import LiveSystem, database_url, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.long,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql" or not shutil.which("pg_dump"),
        reason="restores PostgreSQL with its own programs; set DATABASE_URL",
    ),
]
SOME = 30  # orders
AFTER_A_KILL = 120  # seconds; SQS hides what a killed worker held for 90 at most
BROKEN = "no event, the {}"


class Shop(threading.Thread):
    """Sends one order after the other, each under a key of its own, until it is closed."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.accepted: dict[str, str] = {}
        """The key of each order with a receipt, by its request id."""
        self.receipts: dict[str, str] = {}
        self._sent = 0
        self._closed = threading.Event()

    def run(self) -> None:
        while not self._closed.wait(0.01):
            self._sent += 1
            key = f"backup-{self._sent:08}-key"
            try:
                answer = self.send(key)
            except OSError:  # no receipt, so nothing was promised
                continue
            self.accepted[answer["requestId"]] = key
            self.receipts[answer["requestId"]] = answer["statusUrl"].rpartition("/")[2]

    def send(self, key: str) -> dict[str, Any]:
        asked = json.dumps(order_data(order_id=f"ORD-{key[7:15]}")).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self._ask("orders", data=asked, headers=headers)

    def state(self, request_id: str) -> str:
        answer = self._ask(f"requests/{self.receipts[request_id]}")
        return str(answer["state"])

    def _ask(self, path: str, **more: Any) -> dict[str, Any]:
        address = f"http://127.0.0.1:{self.port}/api/{path}"
        request = urllib.request.Request(address, **more)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def close(self) -> None:
        self._closed.set()
        self.join()


class Deployment:
    """Web, a worker of all queues and beat, on one database."""

    def __init__(self, system: LiveSystem, database: str, name: str) -> None:
        self.system, self.name, self.database = system, name, database
        self.environment = {"DATABASE_URL": database, "RATE_LIMIT_REQUESTS": "1000000"}
        self.port = system.start_web(f"web-{name}", **self.environment)
        self.web = system.processes[-1]

    def work(self) -> None:
        self.worker = self.system.start_worker(self.name, **self.environment)
        self.beat = self.system.start_beat(**self.environment)

    def rest(self) -> None:
        self.system.stop(self.beat)
        self.system.stop(self.worker)

    def end(self) -> None:
        for process in (self.web, self.worker, self.beat):
            self.system.kill(process)

    def rows(self, query: str) -> set[str]:
        with psycopg.connect(self.database) as database:
            return {row[0] for row in database.execute(query)}

    def processed(self) -> set[str]:
        return self.rows("SELECT request_id FROM processing_outcome")

    def letters(self) -> set[str]:
        return self.rows("SELECT body FROM dlq_review_arrival")

    def manage(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=settings.BASE_DIR,
            env={**self.system.environment, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def shops() -> Iterator[Callable[[int], Shop]]:
    with ExitStack() as closing:

        def open_shop(port: int) -> Shop:
            shop = Shop(port)
            shop.start()
            closing.callback(shop.close)
            return shop

        yield open_shop


def break_one(name: str) -> str:
    body = BROKEN.format(name)
    publisher.send_raw("orders", body)
    return body


def more_processed(deployment: Deployment) -> None:
    """Wait until SOME more requests have an outcome."""
    before = len(deployment.processed())
    wait_for(lambda: len(deployment.processed()) >= before + SOME)


def busy(
    system: LiveSystem, shops: Callable[[int], Shop]
) -> tuple[Deployment, Shop, str]:
    """A deployment that has processed orders, their sender, and the body of a letter."""
    deployment = Deployment(system, database_url(), "old")
    deployment.work()
    shop = shops(deployment.port)
    broken = break_one("first")
    more_processed(deployment)
    wait_for(lambda: broken in deployment.letters())
    return deployment, shop, broken


def all_quiet() -> bool:
    names = ("orders", "orders-dlq")
    return all(queues.depth(name) == queues.Depth(0, 0) for name in names)


def test_a_restored_dump_lacks_what_was_processed_since_and_nothing_else(
    system: LiveSystem, shops: Callable[[int], Shop], tmp_path: Path
) -> None:
    old, shop, kept = busy(system, shops)
    pg_dump(tmp_path / "dump")
    gone = break_one("second")
    more_processed(old)
    wait_for(lambda: gone in old.letters())
    with database_away():
        waits = break_one("third")
        seen = len(shop.accepted)
        wait_for(lambda: len(shop.accepted) >= seen + SOME)  # nobody notices
        shop.close()
        old.end()
    processed_before = old.processed()

    with restored(tmp_path / "dump") as database:
        new = Deployment(system, database, "new")
        in_the_dump = new.processed()
        new.work()
        shop.port = new.port
        wait_for(all_quiet, AFTER_A_KILL)
        wait_for(lambda: waits in new.letters())
        lost = shop.accepted.keys() - new.processed()
        assert lost
        assert lost <= processed_before - in_the_dump
        assert new.letters() == {kept, waits}

        assert new.manage("books", "--strict").returncode == 0  # rows cannot miss rows
        assert {shop.state(one) for one in lost} == {"received"}
        told = new.manage("lost_requests", str(system.folder / "web-old.log"))
        assert set(told.stdout.split()) == lost
        for request_id in lost:
            assert shop.send(shop.accepted[request_id])["requestId"] == request_id
        wait_for(lambda: shop.accepted.keys() <= new.processed())
        assert new.manage("books", "--strict").returncode == 0
        assert {shop.state(one) for one in lost} == {"done"}
        orders = new.rows("SELECT request_id FROM processing_order")
        assert orders == shop.accepted.keys()


def test_a_database_that_is_moved_in_order_loses_nothing_while_orders_are_accepted(
    system: LiveSystem, shops: Callable[[int], Shop], tmp_path: Path
) -> None:
    old, shop, broken = busy(system, shops)
    old.rest()
    with read_only_database():
        pg_dump(tmp_path / "dump")
        seen = len(shop.accepted)
        wait_for(lambda: len(shop.accepted) >= seen + SOME)
        with restored(tmp_path / "dump") as database:
            new = Deployment(system, database, "new")
            shop.port = new.port
            new.work()
            more_processed(new)
            shop.close()
            wait_for(lambda: shop.accepted.keys() <= new.processed())
            wait_for(all_quiet)
            assert new.letters() == {broken}
            orders = new.rows("SELECT request_id FROM processing_order")
            assert orders == shop.accepted.keys()
            told = new.manage(
                "lost_requests", *map(str, system.folder.glob("web-*.log"))
            )
            assert (told.returncode, told.stdout) == (0, "")
            assert new.manage("books", "--strict").returncode == 0
    assert Outcome.objects.count() < len(shop.accepted)
