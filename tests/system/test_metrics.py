"""The metrics of real processes equal what the database says, also after one was killed."""

import json
import os
import signal
from collections import Counter
from contextlib import suppress
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from processing.models import (
    Attempt,
    Outcome,
    QueueProgress,
    QueueRecord,
    WorkerSign,
)
from processing.sqs import publisher
from processing.sqs.topology import QUEUES
from tests import boot
from tests.builders import order_created, order_data
from tests.live import PATIENCE, LiveSystem, empty, free_port, wait_for
from tests.metric_texts import by_label, samples, scraped

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]
PROCESSED = "holdfast_messages_processed_total"
TOKEN = "a-token-of-a-test-0123456789-0123456789"


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def test_a_worker_whose_process_is_killed_loses_no_count_and_doubles_none(
    system: LiveSystem,
) -> None:
    port = free_port()
    worker = system.start_worker(
        METRICS_PORT=str(port),
        METRICS_EMF="true",
        WORKER_CONCURRENCY="3",
        **boot.environment(MISBEHAVE="1"),
    )
    for _ in range(60):
        publisher.publish(order_created())
    wait_for(lambda: Outcome.objects.count() == 60)
    wait_for(lambda: empty("orders"))
    before = by_label(scraped(port), PROCESSED, "status")
    pool = children(worker.pid)
    os.kill(pool[1], signal.SIGKILL)  # it rests
    wait_for(lambda: len(set(children(worker.pid)) - set(pool)) == 1)
    publisher.publish(order_created(customer_id="killed"))  # each delivery kills one
    for _ in range(60):
        publisher.publish(order_created())
    wait_for(lambda: Outcome.objects.count() == 120)
    wait_for(lambda: empty("orders"))  # the last delivery ends in the DLQ

    text = scraped(port)
    processed = by_label(text, PROCESSED, "status")
    assert before == {"success": 60}
    assert processed["success"] == 120
    assert processed["failure"] == 3 + Attempt.objects.count()
    assert by_label(text, "holdfast_processing_duration_seconds_count", "queue") == {
        "orders": 120 + Attempt.objects.count()
    }
    waits = by_label(text, "holdfast_queue_wait_seconds_count", "queue")
    assert waits["orders"] >= 120  # a killed first delivery may be among them
    calls = by_label(text, "holdfast_sqs_calls_total", "action")
    assert {"ReceiveMessage", "DeleteMessageBatch"} <= calls.keys()

    assert WorkerSign.alive().exists()
    system.stop(worker)
    stored: Counter[str] = Counter()
    lines = [line for line in system.log("worker").splitlines() if '"_aws"' in line]
    told = [json.loads(line) for line in lines]
    sums = {
        status: sum(
            one["MessagesProcessed"]
            for one in told
            if (one["Queue"], one["Status"]) == ("orders", status)
        )
        for status in ("Success", "Failure")
    }
    assert sums == {"Success": 120, "Failure": processed["failure"]}
    assert QueueProgress.objects.filter(queue="orders").exists()
    for record in QueueRecord.objects.filter(queue="orders", step=21_600):
        stored["success"] += record.success
        stored["failure"] += record.failure
    assert stored == {"success": 120, "failure": processed["failure"]}
    sign = WorkerSign.objects.get()
    assert sign.ended
    assert set(sign.queues) == set(QUEUES)


def test_a_web_server_whose_process_is_killed_loses_no_count_and_doubles_none(
    system: LiveSystem,
) -> None:
    metrics_port = free_port()
    port = system.start_web(
        METRICS_PORT=str(metrics_port), METRICS_TOKEN=TOKEN, WEB_CONCURRENCY="3"
    )
    parent = system.processes[-1]
    wait_for(lambda: len(children(parent.pid)) == 3)
    answered = sum(posted(port) for _ in range(60))
    pool = children(parent.pid)
    os.kill(pool[0], signal.SIGKILL)
    wait_for(lambda: len(set(children(parent.pid)) - set(pool)) == 1)
    answered += sum(posted(port) for _ in range(60))

    text = scraped(metrics_port)
    assert answered >= 119  # a connection may have waited at the killed one
    accepted = 'holdfast_accepted_total{type="order_created",outcome="queued"}'
    assert samples(text)[accepted] == answered
    assert samples(text) == samples(scraped(metrics_port)), (
        "every process says the same"
    )
    with_token = scraped(port, Authorization=f"Bearer {TOKEN}")
    assert samples(with_token)[accepted] == answered
    for path, answering, status in (
        ("/metrics", port, 401),
        ("/orders/new", metrics_port, 404),
    ):
        with pytest.raises(HTTPError) as refused:
            scraped(answering, path)
        assert refused.value.code == status
        refused.value.close()


def test_a_reload_keeps_the_site_and_its_metrics(system: LiveSystem) -> None:
    metrics_port = free_port()
    port = system.start_web(METRICS_PORT=str(metrics_port), WEB_CONCURRENCY="1")
    parent = system.processes[-1]
    wait_for(lambda: posted(port))
    before = children(parent.pid)
    os.kill(parent.pid, signal.SIGHUP)
    wait_for(lambda: len(found := children(parent.pid)) == 1 and found != before)
    assert posted(port)
    accepted = 'holdfast_accepted_total{type="order_created",outcome="queued"}'
    assert samples(scraped(metrics_port))[accepted] == 2
    assert parent.poll() is None


def posted(port: int) -> bool:
    body = json.dumps(order_data()).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}/api/orders", body, headers)
    with (
        suppress(URLError, ConnectionError),
        urlopen(request, timeout=PATIENCE) as answer,
    ):
        return bool(answer.status == 202)
    return False
