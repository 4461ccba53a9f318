"""One SQS server for the whole sweep; queues of their own for each point."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pytest_django import Settings

from dlq_review.letters import settlement
from dlq_review.pull import puller
from dlq_review.redrive import sender, undo_window
from processing.delivery import processor, spool
from processing.models import SpooledEvent
from processing.sqs import publisher, queues
from processing.sqs.provision import ensure_queues
from processing.sqs.topology import EVENT_QUEUES, QUEUES
from tests import boot
from tests.live import LiveSystem, sqs_server, wait_for

_prefixes = (f"point-{number}-" for number in itertools.count())


class Point:
    """The system around one crash."""

    def __init__(self, server: LiveSystem, prefix: str) -> None:
        self.server = server
        self.prefix = prefix

    def step(self, *arguments: str, crash_at: str = "", **environment: str) -> str:
        """Run one step in a process of its own, which must die where it is told to."""
        command = [sys.executable, "-m", "tests.crash_points.steps", *arguments]
        process = subprocess.run(
            command,
            env=self._environment(crash_at, environment),
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
            timeout=30,
        )
        _check_end(process.returncode, process.stderr, crash_at)
        return process.stdout

    def race(self, *arguments: str) -> list[str]:
        """Run one step in two processes, both doing it at the same moment; what they say."""
        moment = str(time.time() + 6)  # both have started by then
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(self.step, *arguments, moment) for _ in range(2)]
            return [run.result() for run in runs]

    def crashing_worker(self, crash_at: str, **environment: str) -> None:
        """Run a worker on what is queued, until it dies where it is told to."""
        name = f"{self.prefix}worker"
        command = (
            "-m celery -A project worker --without-gossip --without-mingle -l INFO"
        )
        process = self.server._start(
            [sys.executable, *command.split()],
            name,
            **self._environment(crash_at, environment),
        )
        _check_end(process.wait(timeout=30), self.server.log(name), crash_at)

    def drain(self) -> None:
        """Do all that a system that is up again does, until nothing moves any more."""
        wait_for(self._is_drained)

    def _is_drained(self) -> bool:
        spool.relay()
        for queue in EVENT_QUEUES:
            for message in queues.receive(queue, visibility=1):
                try:
                    processor.handle(message)
                except processor.RetryLaterError:
                    continue
                queues.delete(queue, [message.receipt_handle])
        puller.pull()
        undo_window.send_due()
        sender.resend_claimed()
        settlement.reconcile()
        empty = queues.Depth(0, 0)
        # PostgreSQL notices a killed client a moment later; until then its rows are locked.
        return not SpooledEvent.objects.exists() and all(
            queues.depth(name) == empty
            for queue in QUEUES.values()
            for name in (queue.name, queue.dlq)
        )

    def _environment(self, crash_at: str, more: dict[str, str]) -> dict[str, str]:
        return {
            **self.server.environment,
            **boot.environment(SHORT_TIMES="1"),
            **({"CRASH_AT": crash_at} if crash_at else {}),
            # A planted defect, when it is the sweep itself that is tested.
            **({"DEFECT": os.environ["DEFECT"]} if "DEFECT" in os.environ else {}),
            "SQS_QUEUE_PREFIX": self.prefix,
            "EMAIL_URL": f"filemail:///{self.server.folder}/{self.prefix}/mail",
            **more,
        }


def _check_end(returncode: int, said: str, crash_at: str) -> None:
    if not crash_at:
        assert returncode == 0, said
        return
    point = crash_at.rpartition(" ")[0]
    assert f"crash_point={point}" in said, f"never passed {crash_at}:\n{said}"
    assert returncode == -signal.SIGKILL


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    # What reads the database waits for the test's own.
    with sqs_server(tmp_path_factory.mktemp("crash-points")) as system:
        yield system


@pytest.fixture
def point(
    server: LiveSystem, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Point]:
    prefix = next(_prefixes)
    host = f"{server.endpoint}/{settings.AWS_ACCOUNT_ID}/{prefix}"
    settings.SQS_ENDPOINT_URL = server.endpoint
    settings.SQS_WAIT_SECONDS = 0
    settings.SQS_QUEUE_PREFIX = prefix
    settings.RETRY_BACKOFF_BASE_SECONDS = 1
    settings.SQS_QUEUE_URLS = {name: host + name for name in settings.SQS_QUEUE_URLS}
    monkeypatch.setattr(sender, "CLAIM_LASTS", boot.NO_TIME)
    publisher.forget()
    ensure_queues()
    for queue in QUEUES:
        queues.client().set_queue_attributes(
            QueueUrl=queues.url(queue), Attributes={"VisibilityTimeout": "1"}
        )
    yield Point(server, prefix)
    publisher.forget()


def mails_in(folder: Path) -> list[str]:
    """The Message-ID of every mail that children wrote."""
    return [
        line
        for file in folder.glob("mail/*")
        for line in file.read_text().splitlines()
        if line.startswith("Message-ID:")
    ]
