"""A worker that is killed gives its messages back soon; one that is starved loses none.

Where a worker is short of time, its times are twenty times shorter than the product's: a
heartbeat each second, and a message is hidden for 3 s, on its last delivery for 12 s.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from dlq_review.letters import settlement
from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.models import Outcome
from processing.sqs import publisher, queues
from tests import boot
from tests.builders import order_created
from tests.fault_proxy import Fault, FaultProxy
from tests.live import LiveSystem, empty, wait_for
from tests.mail_server import SlowMailServer

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]

SHORT = {
    "WORKER_HEARTBEAT_SECONDS": "1",
    "WORKER_CONCURRENCY": "1",
    **boot.environment(VISIBILITY="3"),
}
STARVED = 8  # seconds, instead of two minutes


@pytest.fixture
def mail_server() -> Iterator[SlowMailServer]:
    server = SlowMailServer(delay=2)
    server.start()
    yield server
    server.stop()


def ask_for_mails(number: int) -> None:
    mail = EmailRequested(recipient="ada@example.com", subject="Hello", body="You.")
    for _ in range(number):
        publisher.publish(Event.new(mail))


def deliver_all_but_the_last_time(queue: str) -> None:
    for _ in range(2):
        assert queues.receive(queue, visibility=0)


@contextmanager
def starved(worker: subprocess.Popen[bytes]) -> Iterator[None]:
    """No process of *worker* gets any processor time."""
    os.killpg(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(worker.pid, signal.SIGCONT)


def all_done(number: int) -> bool:
    return empty("emails") and Outcome.objects.count() == number


def test_what_a_killed_worker_held_is_back_within_90_seconds(
    system: LiveSystem,
) -> None:
    busy = boot.environment(BUSY="orders")
    worker = system.start_worker(WORKER_CONCURRENCY="1", **busy)
    publisher.publish_many(order_created() for _ in range(5))
    wait_for(lambda: queues.depth("orders").in_flight == 5)
    system.kill(worker)
    began = time.monotonic()
    wait_for(lambda: queues.depth("orders").visible == 5, patience=90)
    assert time.monotonic() - began > 30, "not because it gave them back"


def test_a_starved_worker_repeats_nothing_that_another_does_meanwhile(
    system: LiveSystem, mail_server: SlowMailServer
) -> None:
    first = system.start_worker("first", EMAIL_URL=mail_server.url, **SHORT)
    ask_for_mails(5)
    wait_for(lambda: mail_server.greeted == 1)
    wait_for(lambda: queues.depth("emails").in_flight == 5)
    with starved(first):
        # Its other process waits for the claim that the first worker has not committed.
        two = {**SHORT, "WORKER_CONCURRENCY": "2"}
        system.start_worker("second", EMAIL_URL=mail_server.url, **two)
        if connection.vendor == "postgresql":  # on SQLite the first keeps the one lock
            wait_for(lambda: Outcome.objects.count() == 4)
        time.sleep(STARVED)  # as long as it takes others to receive all of them
    wait_for(lambda: all_done(5), patience=60)
    assert mail_server.taken == 5
    assert empty("emails-dlq")


def test_a_message_on_its_last_delivery_outlasts_the_starvation(
    system: LiveSystem, mail_server: SlowMailServer
) -> None:
    ask_for_mails(1)
    deliver_all_but_the_last_time("emails")
    first = system.start_worker("first", EMAIL_URL=mail_server.url, **SHORT)
    wait_for(lambda: mail_server.greeted == 1)
    with starved(first):
        end = time.monotonic() + STARVED
        while time.monotonic() < end:  # SQS moves a message to its DLQ at a receive
            assert queues.receive("emails", wait=1) == []
    wait_for(lambda: all_done(1))
    assert mail_server.taken == 1
    assert empty("emails-dlq")


@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="who is starved there keeps the only lock"
)
def test_a_letter_of_a_request_that_its_starved_worker_then_processes_is_resolved(
    system: LiveSystem, mail_server: SlowMailServer
) -> None:
    ask_for_mails(1)
    deliver_all_but_the_last_time("emails")
    first = system.start_worker("first", EMAIL_URL=mail_server.url, **SHORT)
    wait_for(lambda: mail_server.greeted == 1)
    with starved(first):
        wait_for(lambda: not queues.receive("emails") and not empty("emails-dlq"))
        assert puller.pull(["emails-dlq"]).stored == 1
        assert DeadLetter.objects.get().state == "open"
    wait_for(lambda: all_done(1))
    assert settlement.reconcile() == 1
    assert DeadLetter.objects.get().state == "resolved"
    assert mail_server.taken == 1


def test_a_worker_whose_heartbeat_fails_does_not_receive_its_own_messages_again(
    system: LiveSystem, mail_server: SlowMailServer
) -> None:
    proxy = FaultProxy(system.port)
    away = Fault("away", "ChangeMessageVisibilityBatch", status=500, times=10**6)
    proxy.inject(away)
    ask_for_mails(8)
    system.start_worker(
        EMAIL_URL=mail_server.url,
        SQS_ENDPOINT_URL=f"http://127.0.0.1:{proxy.port}",
        **SHORT,
    )
    wait_for(lambda: all_done(8), patience=60)
    proxy.stop()
    log = system.log("worker")
    assert proxy.fired["away"] > 3
    assert log.count("receive_count=1 ") == 8
    assert "receive_count=2" not in log
    assert mail_server.taken == 8


def test_after_an_outage_of_its_heartbeat_a_worker_receives_again(
    system: LiveSystem, mail_server: SlowMailServer
) -> None:
    proxy = FaultProxy(system.port)
    away = Fault("away", "ChangeMessageVisibilityBatch", status=500, times=10**6)
    proxy.inject(away)
    mail_server.delay = STARVED
    ask_for_mails(1)
    system.start_worker(
        EMAIL_URL=mail_server.url,
        SQS_ENDPOINT_URL=f"http://127.0.0.1:{proxy.port}",
        **SHORT,
    )
    wait_for(lambda: proxy.fired["away"] >= 3)
    ask_for_mails(1)
    assert queues.receive("emails", wait=2, visibility=0), "it takes no more"
    proxy.heal()
    wait_for(lambda: queues.depth("emails").visible == 0)
    mail_server.delay = 0
    wait_for(lambda: all_done(2), patience=60)
    assert empty("emails-dlq")
    proxy.stop()
