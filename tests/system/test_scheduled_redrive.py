"""A redrive policy with real workers, a real beat, and a dependency that comes back."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.utils import timezone

from dlq_review.models import DeadLetter, Operation, RedrivePolicy
from dlq_review.monitoring import books
from processing.models import Order
from processing.sqs import publisher
from tests import boot
from tests.builders import order_created
from tests.dlq_review.policies import active, make_due
from tests.live import LiveSystem, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[str]:
    """The address of its status page: 503 until the file is there, then 200."""

    class Status(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_back = (tmp_path / "bank-is-back").exists()
            self.send_response(200 if is_back else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Status)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/health"
    server.shutdown()
    server.server_close()


def test_what_failed_is_processed_once_the_dependency_is_back(
    system: LiveSystem, bank: str, tmp_path: Path
) -> None:
    allowed = {"PROBE_PRIVATE_HOSTS": "127.0.0.1"}
    for name in ("one", "two"):  # two machines, both of which look at the policy
        misbehaving = boot.environment(MISBEHAVE="1")
        system.start_worker(name, **misbehaving, **allowed)
    system.start_beat()
    events = [order_created(customer_id="needs-the-bank") for _ in range(4)]
    for event in events:
        publisher.publish(event)
    wait_for(lambda: DeadLetter.objects.filter(state="open").count() == 4)

    policy = active(probe="http", url=bank, every=1, canary=1, rate=50)
    wait_for(lambda: RedrivePolicy.objects.filter(green=False).exists())
    make_due()
    wait_for(lambda: not RedrivePolicy.objects.filter(next_run_at__lte=timezone.now()))
    assert not Operation.objects.exists()

    (tmp_path / "bank-is-back").touch()
    make_due()
    wait_for(lambda: DeadLetter.objects.filter(state="resolved").count() == 4)
    wait_for(lambda: Operation.objects.filter(state="done").exists())
    operation = Operation.objects.get()
    assert (operation.policy, operation.by, operation.total) == (policy, "ada", 4)
    assert {one.redrives for one in DeadLetter.objects.all()} == {1}
    assert {one.request_id for one in Order.objects.all()} == {one.id for one in events}
    policy.refresh_from_db()
    assert (policy.state, policy.green) == ("active", True)
    assert books.close().balanced
