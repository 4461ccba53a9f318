"""A message that a worker holds stays its own: against a real worker and slow work."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from processing import queues
from processing.events import EmailRequested, Event
from processing.models import Outcome
from tests.live import live_system, wait_for

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


class SlowMailServer(threading.Thread):
    """Speaks just enough SMTP to take mails, and greets only after *delay* seconds."""

    def __init__(self, delay: float) -> None:
        super().__init__(daemon=True)
        self.delay = delay
        self.taken = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        threading.Event().wait(self.delay)
        with client, client.makefile("rwb", buffering=0) as stream:
            stream.write(b"220 ready\r\n")
            for line in stream:
                command = line[:4].upper()
                if command == b"DATA":
                    stream.write(b"354 go on\r\n")
                    while stream.readline() != b".\r\n":
                        pass
                    self.taken += 1
                stream.write(b"221 bye\r\n" if command == b"QUIT" else b"250 fine\r\n")


@pytest.fixture
def mail_server() -> Iterator[SlowMailServer]:
    server = SlowMailServer(delay=6)
    server.start()
    yield server
    server.listener.close()


def test_slow_work_is_not_delivered_a_second_time(
    tmp_path: Path, settings: Settings, mail_server: SlowMailServer
) -> None:
    with live_system(tmp_path, settings) as system:
        queues.client().set_queue_attributes(
            QueueUrl=queues.url("emails"), Attributes={"VisibilityTimeout": "2"}
        )
        system.start_worker(
            WORKER_HEARTBEAT_SECONDS="0.5",
            WORKER_CONCURRENCY="1",
            WORKER_PREFETCH_MULTIPLIER="1",  # so that it does not poll while it works
            EMAIL_URL=f"smtp://127.0.0.1:{mail_server.port}",
        )
        mail = EmailRequested(recipient="ada@example.com", subject="Hello", body="You.")
        queues.publish(Event.new(mail))
        wait_for(lambda: queues.depth("emails").in_flight == 1)
        assert queues.receive("emails", wait=4) == []
        wait_for(Outcome.objects.exists)
        wait_for(lambda: queues.depth("emails") == queues.Depth(0, 0))
    assert mail_server.taken == 1
