"""What the parent process of a worker does beside its pool: metrics, heartbeats, last words."""

import io
import json
import logging
import os
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from celery.apps import worker
from pytest_django import Settings

from processing.metrics import emf
from processing.metrics.declared import NEWEST
from processing.models import QueueProgress
from processing.sqs.message import messages_in
from processing.sqs.topology import QUEUES
from processing.worker import (
    last_words,
    metrics_port,
    metrics_step,
    visibility_heartbeat,
)
from processing.worker.visibility_heartbeat import VisibilityHeartbeat
from tests.live import free_port


# -- Metrics ------------------------------------------------------------------------
def test_the_metrics_of_a_worker_are_served_at_one_address_by_one_worker(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    port = settings.METRICS_PORT = free_port()
    settings.METRICS_HOST = "127.0.0.1"
    metrics_port.serve()
    assert caplog.messages == [f"metrics_port={port} served=1"]
    with urlopen(f"http://127.0.0.1:{port}/metrics?all") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        body = answer.read()
        assert int(answer.headers["Content-Length"]) == len(body)
        assert b"holdfast_messages_processed_total" in body
    with pytest.raises(HTTPError) as caught:
        urlopen(f"http://127.0.0.1:{port}/")
    assert caught.value.code == 404
    caught.value.close()
    metrics_port.serve()  # of a second worker
    (told,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert told.getMessage().startswith(f"metrics_port={port} not_served=")
    caplog.clear()
    settings.METRICS_PORT = 70_000
    metrics_port.serve()
    assert caplog.messages[0].startswith("metrics_port=70000 not_served=")
    metrics_port.close()
    assert metrics_port._open == []


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], int]:
    """The milliseconds of the newest message that each queue's processes have seen."""
    seen: dict[tuple[str, ...], int] = {}
    monkeypatch.setattr(NEWEST, "totals", lambda: dict(seen))
    return seen


@pytest.mark.django_db(transaction=True)
def test_a_minute_notes_how_far_each_queue_has_come(
    newest: dict[tuple[str, ...], int], settings: Settings
) -> None:
    def noted() -> dict[str, float]:
        rows = QueueProgress.objects.values_list("queue", "newest_sent_at")
        return {queue: at.timestamp() for queue, at in rows}

    minute = metrics_step.Minute("w-1")
    minute.end()
    assert noted() == {}
    newest |= {("orders",): 1_000_000, ("emails",): 2_000_000}
    minute.end()
    assert noted() == {"orders": 1_000, "emails": 2_000}
    QueueProgress.objects.all().delete()
    newest |= {("orders",): 3_000_000, ("emails",): 2_000_000}
    minute.end()
    assert noted() == {"orders": 3_000}, "what has not moved is not written again"


@pytest.mark.django_db
def test_what_another_worker_noted_meanwhile_is_not_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    early, late, latest = (
        datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (1, 2, 3)
    )
    QueueProgress.note("orders", early)
    read = QueueProgress.objects.get()
    QueueProgress.note("orders", latest)
    manager = type(QueueProgress.objects)
    monkeypatch.setattr(manager, "get_or_create", lambda *_, **__: (read, False))
    QueueProgress.note("orders", late)
    assert QueueProgress.objects.get().newest_sent_at == latest


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.django_db(transaction=True)
def test_a_minute_is_told_to_cloudwatch_where_it_is_asked_for(
    newest: dict[tuple[str, ...], int],
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    asked: bool,
) -> None:
    caplog.set_level("INFO", logger=emf.__name__)
    settings.METRICS_EMF = asked
    metrics_step.Minute("w-1").end()
    told = {json.loads(one)["Queue"] for one in caplog.messages}
    assert told == (QUEUES.keys() if asked else set())


@pytest.mark.django_db(transaction=True)
def test_a_minute_that_fails_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(NEWEST, "totals", fail)
    metrics_step.Minute("w-1").end()
    assert caplog.messages == ["minute_not_told=OSError"]


def fail() -> Any:
    raise OSError("disk")


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.django_db(transaction=True)
def test_a_minute_leaves_no_connection_to_the_processes_that_are_forked_later(
    newest: dict[tuple[str, ...], int], monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    closed: list[None] = []
    close = SimpleNamespace(close=lambda: closed.append(None))
    monkeypatch.setattr(metrics_step, "connection", close)
    if fails:
        monkeypatch.setattr(NEWEST, "totals", fail)
    metrics_step.Minute("w-1").end()
    assert len(closed) == 1


@pytest.mark.parametrize(("port", "how"), [(0, "stop"), (9100, "terminate")])
def test_the_step_serves_tells_every_minute_and_once_more_at_the_end(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, port: int, how: str
) -> None:
    settings.METRICS_PORT = port
    done: list[str] = []
    for name in ("serve", "close"):
        monkeypatch.setattr(metrics_port, name, lambda name=name: done.append(name))
    monkeypatch.setattr(metrics_step, "MINUTE", 0.001)
    minutes = threading.Semaphore(0)
    step = metrics_step.Metrics(None)
    monkeypatch.setattr(step._minute, "end", minutes.release)
    queues = SimpleNamespace(consume_from={"orders": None, "emails": None})
    step.start(
        SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=queues)))
    )
    assert minutes.acquire(timeout=5)
    ends: list[bool] = []
    monkeypatch.setattr(step._minute, "end", lambda last: ends.append(last))
    getattr(step, how)(None)
    assert (step._minute.queues, ends[-1]) == (["emails", "orders"], True)
    assert step._done.is_set()
    assert set(done) == {"close"} | ({"serve"} if port else set())


# -- Heartbeats ---------------------------------------------------------------------
def test_a_heartbeat_that_fails_is_logged_and_the_next_one_comes(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.WORKER_HEARTBEAT_SECONDS = 0.001
    answers = iter([None, {"orders"}])
    beaten: list[str] = []
    heartbeat = VisibilityHeartbeat(SimpleNamespace())

    def extend(_: Any) -> set[str]:
        answer = next(answers)
        if answer is None:
            raise OSError("away")
        heartbeat.done.set()
        return answer

    monkeypatch.setattr(visibility_heartbeat, "extend", extend)
    qos = SimpleNamespace(in_flight=list)
    beats = SimpleNamespace(note=beaten.append)
    channel: Any = SimpleNamespace(qos=qos, beats=beats)
    heartbeat._run(channel, heartbeat.done)
    assert caplog.messages == ["heartbeat=failed reason=OSError"]
    assert sorted(beaten) == sorted(QUEUES.keys() - {"orders"})


def test_a_new_connection_has_the_only_heartbeat_and_a_shutdown_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[tuple[Any, threading.Event]] = []
    over = threading.Event()

    def run(channel: Any, done: threading.Event) -> None:
        begun.append((channel, done))
        done.wait(10)
        over.set()

    heartbeat = VisibilityHeartbeat(SimpleNamespace())
    monkeypatch.setattr(heartbeat, "_run", run)
    for channel in ("first", "second"):
        consumer = SimpleNamespace(channel=channel)
        heartbeat.start(SimpleNamespace(task_consumer=consumer))
    assert over.wait(10)
    assert [(channel, done.is_set()) for channel, done in begun] == [
        ("first", True),
        ("second", False),
    ]
    heartbeat.shutdown(None)
    assert begun[1][1].is_set()


# -- Messages -----------------------------------------------------------------------
def test_of_messages_one_that_cannot_be_read_keeps_none_of_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = {
        "MessageId": "m-1",
        "ReceiptHandle": "h",
        "Body": "{}",
        "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "9000"},
    }
    answer = {"Messages": [{}, good]}
    (found,) = messages_in("orders", answer)
    assert (found.id, found.queue) == ("m-1", "orders")
    assert found.sent_at == datetime.fromtimestamp(9, UTC)
    assert caplog.messages == ["queue=orders not_a_message=KeyError"]
    assert list(messages_in("orders", {})) == []


# -- Last words ---------------------------------------------------------------------
@pytest.mark.parametrize("format", ["json", "text"])
def test_what_a_signal_makes_celery_say_is_json_where_all_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    before = worker.safe_say
    monkeypatch.setattr(worker, "safe_say", before)
    settings.LOG_FORMAT = format
    last_words.tell_in_json()
    assert (worker.safe_say is before) is (format == "text")


def test_last_words_go_through_the_handler_of_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "w") as file, os.fdopen(reading) as pipe:
        last_words._say("worker: Warm shutdown", file)
        assert pipe.read() == "WARNING worker: Warm shutdown\n"
