"""The processes of `Procfile` as they are: repair work never waits behind what it repairs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from dlq_review.models import DeadLetter
from processing import queues, sending, spool
from processing.contracts import EmailRequested
from processing.events import Event
from processing.models import Outcome, SpooledEvent
from tests.builders import order_created
from tests.live import LiveSystem, live_system, wait_for
from tests.mail_server import SlowMailServer

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def system(tmp_path: Path, settings: Settings) -> Iterator[LiveSystem]:
    with live_system(tmp_path, settings) as running:
        yield running


@pytest.fixture
def mail_server() -> Iterator[SlowMailServer]:
    server = SlowMailServer(delay=60)
    server.start()
    yield server
    server.stop()


def command(name: str) -> str:
    lines = (django_settings.BASE_DIR / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)[name]


def test_while_every_worker_is_busy_dead_letters_are_pulled_and_the_spool_relayed(
    system: LiveSystem, mail_server: SlowMailServer
) -> None:
    slow = {"EMAIL_URL": mail_server.url, "WORKER_CONCURRENCY": "1"}
    system.start_worker("worker", command("worker"), **slow)
    mail = EmailRequested(recipient="ada@example.com", subject="Hello", body="You.")
    for _ in range(30):
        sending.publish(Event.new(mail))
    wait_for(lambda: mail_server.greeted == 1)

    dead, spooled = order_created(), order_created()
    queues.client().send_message(
        QueueUrl=queues.url("orders-dlq"), MessageBody=dead.body
    )
    spool.hold(spooled, "Timeout")
    system.start_worker("jobs", command("jobs"))
    sending.send_job("dlq_review.pull", "j-1", {})
    sending.send_job("processing.relay", "j-2", {})
    wait_for(lambda: DeadLetter.objects.filter(request_id=dead.id).exists())
    wait_for(lambda: not SpooledEvent.objects.exists())
    assert not Outcome.objects.exists(), "the worker has been busy all the time"
