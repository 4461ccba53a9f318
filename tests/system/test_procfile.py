"""The processes of `Procfile` as they are: repair work never waits behind what it repairs."""

import shutil
import stat
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as django_settings

from dlq_review.models import DeadLetter, LifeSign
from processing.delivery import spool
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.models import Outcome, SpooledEvent
from processing.sqs import publisher, queues
from tests import boot
from tests.builders import order_created
from tests.deploy.artefacts import PROCFILE, shipped
from tests.live import LiveSystem, answers, free_port, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]


def test_while_every_worker_is_busy_dead_letters_are_pulled_and_the_spool_relayed(
    system: LiveSystem,
) -> None:
    busy = boot.environment(BUSY="emails", WORKER_CONCURRENCY="1")
    system.start_worker("worker", PROCFILE["worker"], **busy)
    mail = EmailRequested(recipient="ada@example.com", subject="Hello", body="You.")
    for _ in range(30):
        publisher.publish(Event.new(mail))
    wait_for(lambda: queues.depth("emails").in_flight)

    dead, spooled = order_created(), order_created()
    queues.client().send_message(
        QueueUrl=queues.url("orders-dlq"), MessageBody=dead.body
    )
    spool.add(spooled, "Timeout")
    system.start_worker("jobs", PROCFILE["jobs"])
    publisher.send_job("dlq_review.pull", "j-1", {})
    publisher.send_job("processing.relay", "j-2", {})
    wait_for(lambda: DeadLetter.objects.filter(request_id=dead.id).exists())
    wait_for(lambda: not SpooledEvent.objects.exists())
    assert not Outcome.objects.exists(), "the worker has been busy all the time"


PRODUCTION = {
    "SITE_URL": "https://shop.example.com",
    "ALLOWED_HOSTS": "shop.example.com",
    "BEHIND_TLS": "true",
    "TRUSTED_PROXY_COUNT": "1",
    "DLQ_PULL_SECONDS": "1",
}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """What the image holds, on a machine where nothing ran yet."""
    folder = tmp_path / "release"
    folder.mkdir()
    for name in shipped():
        source = django_settings.BASE_DIR / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder)
    return folder


def test_every_process_starts_and_works_on_a_fresh_machine(
    system: LiveSystem, release: Path
) -> None:
    port = free_port()
    environment = {**PRODUCTION, "PORT": str(port), "WEB_CONCURRENCY": "1"}
    steps = PROCFILE["release"].split(" && ")
    for step in steps:
        done = system.start_line("release", step, release, **environment)
        assert done.wait(timeout=120) == 0, system.log("release")
    names = ("web", "worker", "jobs", "beat")
    running = {
        name: system.start_line(name, PROCFILE[name], release, **environment)
        for name in names
    }
    for name in ("worker", "jobs"):
        wait_for(lambda name=name: " ready." in system.log(name))  # type: ignore[misc]
    wait_for(lambda: answers(port))
    for path in ("healthz", "readyz"):
        request = Request(f"http://127.0.0.1:{port}/{path}")
        request.add_header("Host", "shop.example.com")
        assert urlopen(request, timeout=10).status == 200
    wait_for(LifeSign.objects.exists)  # beat asked for a pull, and the jobs made it
    assert {name: process.poll() for name, process in running.items()} == dict.fromkeys(
        names
    )
    assert [name for name in names if "Traceback" in system.log(name)] == []
    schedule = next((release / "var").glob("celerybeat-schedule*"))
    for kept, mode in ((schedule, 0o600), (schedule.parent, 0o700)):
        assert stat.S_IMODE(kept.stat().st_mode) == mode
