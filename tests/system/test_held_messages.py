"""A message that a worker holds stays its own, until it is done with it or stops."""

import time
from collections.abc import Iterator

import pytest

from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.models import Attempt, Outcome
from processing.sqs import publisher, queues
from tests import boot
from tests.live import LiveSystem, wait_for
from tests.mail_server import SlowMailServer

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def mail_server() -> Iterator[SlowMailServer]:
    server = SlowMailServer(delay=4)
    server.start()
    yield server
    server.stop()


def ask_for_mail(number: int = 1) -> None:
    for _ in range(number):
        mail = EmailRequested(recipient="ada@example.com", subject="Hello", body="You.")
        publisher.publish(Event.new(mail))


def all_done(number: int) -> bool:
    empty = queues.depth("emails") == queues.Depth(0, 0)
    return empty and Outcome.objects.count() == number


def test_slow_work_is_not_delivered_a_second_time(
    system: LiveSystem, mail_server: SlowMailServer
) -> None:
    system.start_worker(
        EMAIL_URL=mail_server.url,
        WORKER_HEARTBEAT_SECONDS="0.3",
        WORKER_CONCURRENCY="1",
        WORKER_PREFETCH_MULTIPLIER="1",  # so that it does not poll while it works
        **boot.environment(VISIBILITY="1"),
    )
    ask_for_mail()
    wait_for(lambda: queues.depth("emails").in_flight == 1)
    assert queues.receive("emails", wait=3) == []
    wait_for(lambda: all_done(1))
    assert mail_server.taken == 1


def test_a_worker_told_to_stop_finishes_its_work_and_gives_the_rest_back(
    system: LiveSystem, mail_server: SlowMailServer
) -> None:
    worker = system.start_worker(EMAIL_URL=mail_server.url, WORKER_CONCURRENCY="1")
    ask_for_mail(4)
    wait_for(lambda: mail_server.greeted == 1)
    wait_for(lambda: queues.depth("emails").visible == 0)
    began = time.monotonic()
    system.stop(worker)
    assert worker.returncode == 0
    assert time.monotonic() - began < 15, "well below the grace a platform gives"
    assert (mail_server.taken, Outcome.objects.count()) == (1, 1)

    mail_server.delay = 0
    system.start_worker("second", EMAIL_URL=mail_server.url)
    wait_for(lambda: all_done(4), patience=15)  # not the 60 s of the visibility timeout
    assert mail_server.taken == 4
    assert not Attempt.objects.exists()
    assert "receive_count=3" not in system.log("second")
